/**
 * The languages that can be chosen; the server knows more, and `auto` finds them.
 */
const TAGS = [
  ...[
    "en",
    "de",
    "fr",
    "es",
    "it",
    "pt",
    "nl",
    "pl",
    "sv",
    "da",
    "no",
    "fi",
    "cs",
    "ro",
    "hu",
    "el",
    "tr",
    "uk",
    "ru",
  ],
  ...["ar", "he", "hi", "id", "vi", "th", "ja", "ko", "zh"],
];

/**
 * @param {HTMLSelectElement} select
 * @param {string | null} chosen - Last time; null: the browser's own language.
 */
export function fillLanguages(select, chosen) {
  const names = new Intl.DisplayNames(["en"], { type: "language" });
  const options = TAGS.map((tag) => new Option(names.of(tag) ?? tag, tag));
  options.sort((a, b) => a.text.localeCompare(b.text));
  select.replaceChildren(new Option("Find out from the first words", "auto"), ...options);
  const wanted = chosen ?? navigator.language.split("-")[0] ?? "";
  select.value = wanted === "auto" || TAGS.includes(wanted) ? wanted : "auto";
}
