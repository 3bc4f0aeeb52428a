/* The editor: CodeMirror with what this page needs of it, and an error marked at its place. */

import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { python } from "@codemirror/lang-python";
import { HighlightStyle, bracketMatching, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, setDiagnostics } from "@codemirror/lint";
import { Compartment, EditorState } from "@codemirror/state";
import { EditorView, drawSelection, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";

const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword], color: "var(--keyword)" },
  { tag: [tags.number, tags.bool], color: "var(--number)" },
  { tag: tags.string, color: "var(--string)" },
  { tag: tags.comment, color: "var(--comment)" },
]);

/* changed() : the text is another; run() : Ctrl+Enter; Escape and then Tab leaves the editor, as CodeMirror has it */
export const editorIn = (place, { text, changed, run }) => {
  const language = new Compartment();
  const view = new EditorView({
    parent: place,
    state: EditorState.create({
      doc: text,
      extensions: [
        keymap.of([{ key: "Mod-Enter", run: () => (run(), true) }]),
        history(), drawSelection(), bracketMatching(), EditorView.lineWrapping, lintGutter(),
        syntaxHighlighting(colours), language.of([]), keymap.of([...defaultKeymap, ...historyKeymap]),
        EditorView.contentAttributes.of({ "aria-label": "Expression or program", autocapitalize: "off", spellcheck: "false" }),
        EditorView.updateListener.of((update) => update.docChanged && changed()),
      ],
    }),
  });
  return {
    text: () => view.state.doc.toString(),
    set: (next) => view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: next } }),
    focus: () => view.focus(),
    asPython: (on) =>
      view.dispatch({
        effects: language.reconfigure(
          on ? [python(), lineNumbers(), indentOnInput(), indentUnit.of("    "), keymap.of([indentWithTab])] : [],
        ),
      }),
    /* Line and column count from 1; without a column it is the whole line, without a line nothing. */
    mark: (error) => {
      const at = error && error.line > 0 && error.line <= view.state.doc.lines ? view.state.doc.line(error.line) : null;
      const from = at && Math.min(at.from + Math.max(error.column - 1, 0), at.to);
      const found = at ? [{ from, to: error.column ? Math.min(from + 1, at.to) : at.to, severity: "error", message: error.message }] : [];
      view.dispatch(setDiagnostics(view.state, found));
    },
  };
};
