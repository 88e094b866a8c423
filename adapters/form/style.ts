import { createHash } from 'node:crypto'

/**
 * The style sheet of the pages; nothing is loaded from elsewhere. The contrast is at least 4.5 to 1 for text and 3 to 1
 * for the borders of controls, in light and dark mode; targets are 44 pixels high; no line needs more than 320 pixels.
 */
export const STYLE = `
:root {
  color-scheme: light dark;
  --paper: #f1f3f7; --card: #fff; --ink: #171b24; --soft: #545c6c; --line: #7b8494; --hair: #dfe3ea;
  --accent: #1f53c5; --accent-strong: #17409c; --on-accent: #fff;
  --bad: #b3231b; --bad-paper: #fdf1f0; --good: #17693a; --good-paper: #eef8f1;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #0f1218; --card: #191d26; --ink: #edf0f5; --soft: #abb3c2; --line: #76808f; --hair: #2c323e;
    --accent: #8fb4ff; --accent-strong: #b4cdff; --on-accent: #0b1730;
    --bad: #ff9b91; --bad-paper: #301a1b; --good: #7fd6a0; --good-paper: #14291d;
  }
}
@media (prefers-contrast: more) {
  :root { --soft: var(--ink); --line: var(--ink); --hair: var(--ink); }
}
*, ::before, ::after { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", sans-serif;
  overflow-wrap: anywhere;
}
main {
  position: relative; overflow: hidden;
  max-width: 42rem; margin: clamp(0rem, 5vw, 3.5rem) auto; padding: clamp(1.25rem, 5vw, 2.75rem);
  background: var(--card); border: 1px solid var(--hair); border-radius: .75rem;
}
main::before { content: ""; position: absolute; inset: 0 0 auto; height: .375rem; background: var(--accent); }
h1 { margin: 0; font-size: clamp(1.5rem, 4vw + .6rem, 2rem); line-height: 1.2; letter-spacing: -.015em; text-wrap: balance; }
h2 { margin: 0; font-size: 1.125rem; line-height: 1.35; }
p { margin: 0; white-space: pre-line; }
.lead { margin-top: .75rem; color: var(--soft); }
form { margin-top: 2rem; }
.field { margin: 0 0 1.75rem; padding: 0; border: 0; min-width: 0; }
label, legend { display: block; padding: 0; font-weight: 600; }
.optional { font-weight: 400; color: var(--soft); }
.help { color: var(--soft); font-size: .9375rem; }
.error { color: var(--bad); font-weight: 600; white-space: normal; }
.field > .help, .field > .error { margin-top: .125rem; }
.bad { padding-left: 1rem; border-left: .25rem solid var(--bad); }
input, textarea, select, button { font: inherit; color: inherit; }
.box {
  display: block; width: 100%; min-height: 2.875rem; margin-top: .5rem; padding: .5rem .75rem;
  background: var(--card); border: 1px solid var(--line); border-radius: .5rem;
}
.box::placeholder { color: var(--soft); opacity: 1; }
.bad .box { border: 2px solid var(--bad); }
.short { max-width: 16rem; }
select.box {
  appearance: none; padding-right: 2.5rem; text-overflow: ellipsis;
  background-image: linear-gradient(45deg, transparent 50%, var(--soft) 50%), linear-gradient(135deg, var(--soft) 50%, transparent 50%);
  background-position: right 1.25rem center, right .875rem center; background-size: .4rem .4rem; background-repeat: no-repeat;
}
textarea.box { min-height: 8rem; resize: vertical; }
.choice { display: flex; gap: .75rem; align-items: flex-start; margin: .25rem 0; }
.choice input { flex: none; width: 1.5rem; height: 1.5rem; margin: .625rem 0; }
.choice input {
  appearance: none; display: grid; place-content: center;
  background: var(--card); border: 2px solid var(--line); border-radius: .3125rem;
}
.choice input[type="radio"] { border-radius: 50%; }
.choice input:checked { background: var(--accent); border-color: var(--accent); }
.choice input:checked::before {
  content: ""; width: .875rem; height: .875rem; background: var(--on-accent);
  clip-path: polygon(14% 44%, 0 60%, 42% 100%, 100% 22%, 84% 8%, 40% 70%);
}
.choice input[type="radio"]:checked::before { width: .625rem; height: .625rem; border-radius: 50%; clip-path: none; }
.bad .choice input { border-color: var(--bad); }
@media (forced-colors: active) {
  select.box, .choice input { appearance: auto; }
  .choice input:checked::before { display: none; }
}
.choice label { flex: 1; padding: .625rem 0; font-weight: 400; cursor: pointer; }
.single .choice { margin: 0; }
.single label { font-weight: 600; }
.choices { margin-top: .25rem; }
:focus-visible, .summary:focus { outline: 3px solid var(--accent); outline-offset: 2px; }
button, .button {
  display: inline-block; min-height: 3rem; padding: .7rem 2rem; border: 1px solid transparent; border-radius: .5rem;
  background: var(--accent); color: var(--on-accent); font-weight: 600; text-align: center; text-decoration: none;
  cursor: pointer;
}
button:hover, .button:hover { background: var(--accent-strong); }
a { color: var(--accent); text-underline-offset: .15em; }
.summary, .notice, .done {
  margin-top: 1.5rem; padding: 1rem 1.25rem; border: 1px solid; border-left-width: .375rem; border-radius: .5rem;
}
.summary, .notice { border-color: var(--bad); background: var(--bad-paper); }
.done { display: flex; gap: .875rem; align-items: flex-start; font-size: 1.125rem; }
.done svg { flex: none; width: 1.75rem; height: 1.75rem; fill: var(--good); }
.done { border-color: var(--good); background: var(--good-paper); }
.summary ul { margin: .25rem 0 0; padding: 0; list-style: none; }
.summary a { display: block; padding: .625rem 0; min-height: 2.75rem; color: var(--bad); }
.notice p { margin-top: .25rem; }
.after { margin-top: 1.5rem; }
.reference { margin-top: 1rem; color: var(--soft); font-size: .9375rem; }
code { font: .9375em ui-monospace, "SF Mono", Menlo, Consolas, monospace; color: var(--ink); }
.hidden {
  position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap;
}
@media (max-width: 32rem) {
  body { background: var(--card); }
  main { margin: 0; padding-top: 2rem; border: 0; border-radius: 0; }
  .short { max-width: none; }
  button, .button { width: 100%; }
}
@media print { main { border: 0; } button, .button { display: none; } }
`

let hash: string | null = null

/** The hash of the only style that a page may have, for its Content-Security-Policy. */
export function styleHash(): string {
  return hash ??= `sha256-${createHash('sha256').update(STYLE).digest('base64')}`
}
