// Runs before the first paint: the theme that was chosen, if one was.
(function () {
  try {
    const theme = localStorage.getItem("hub.theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // Storage is closed to this page: the system's theme it is.
  }
})();
