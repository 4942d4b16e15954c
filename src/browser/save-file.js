/**
 * Hands a file to the browser's downloads.
 *
 * @param {{ name: string, type: string, text: string }} file
 */
export function saveFile({ name, type, text }) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // Some browsers begin to read it later.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
