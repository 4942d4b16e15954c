/**
 * Warns who is about to type a key into a page that comes without TLS. The form itself needs no script.
 */
const warning = document.getElementById("plain");
if (warning) warning.hidden = window.isSecureContext;

export {};
