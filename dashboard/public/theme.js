// Sets the theme before the first paint. A file of its own, because the content security policy forbids inline code.
(() => {
  const chosen = localStorage.getItem("opsrail.theme");
  const dark = chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
})();
