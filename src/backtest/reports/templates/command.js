// A command for the terminal, with a button that copies it.
"use strict";
const showCommand = (box, command) => {
  const [text, button] = box.querySelectorAll("code, button");
  box.hidden = !command;
  text.textContent = command;
  button.textContent = "Copy";
  button.onclick = async () => {
    try {
      await navigator.clipboard.writeText(command);
      button.textContent = "Copied";
    } catch { // not allowed here: it is marked, to be copied by hand
      getSelection().selectAllChildren(text);
    }
  };
};

// A word as a shell takes it.
const quoted = (word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
