// Adds a button to each block of lines. Without scripts the lines are there all the same, to be marked by hand.
for (const lines of document.querySelectorAll("pre")) {
  const button = document.createElement("button");
  button.type = "button";
  const name = `Copy the lines: ${lines.dataset.title}`;
  const say = (text) => {
    button.textContent = text;
    button.setAttribute("aria-label", text === "Copy" ? name : text);
  };
  say("Copy");
  button.addEventListener("click", async () => {
    getSelection().selectAllChildren(lines);
    // The Clipboard API is for https and localhost alone.
    const copied = navigator.clipboard
      ? navigator.clipboard.writeText(lines.textContent).then(
          () => true,
          () => false,
        )
      : document.execCommand("copy");
    say((await copied) ? "Copied" : "Marked: copy with Ctrl+C");
    setTimeout(say, 4000, "Copy");
  });
  lines.after(button);
}
