/** The page's style sheet. No imports, no fonts to load: the page must open from a disk without a network. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --surface: #ffffff; --raised: #f6f7f9; --line: #e2e5ea; --text: #1a1f29; --faint: #5d6675;
  --policy: #0b7a75; --pretrained: #6b7280; --bestOf: #b45309; --second: #5b5bd6; --good: #0b7a75;
}
@media (prefers-color-scheme: dark) {
  :root {
    --surface: #14171c; --raised: #1d2129; --line: #313742; --text: #e8eaee; --faint: #a0a8b5;
    --policy: #3ecfc4; --pretrained: #a3abb8; --bestOf: #f0a95b; --second: #9d9bff; --good: #3ecfc4;
  }
}
:root {
  --figure-text: var(--text); --figure-faint: var(--faint); --figure-grid: var(--line);
  --figure-policy: var(--policy); --figure-pretrained: var(--pretrained); --figure-bestOf: var(--bestOf);
  --figure-second: var(--second); --figure-surface: var(--surface);
  --figure-sequence1: #d97706; --figure-sequence2: #0e9f8f; --figure-sequence3: #4c6ef5; --figure-sequence4: #8b5cf6;
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--surface); color: var(--text);
  font: 16px/1.55 ui-sans-serif, system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  -webkit-font-smoothing: antialiased;
}
main, header > div { max-width: 70rem; margin: 0 auto; padding: 0 1.5rem; }
header { background: var(--raised); border-bottom: 1px solid var(--line); padding: 2.25rem 0 1.75rem; }
.product { margin: 0 0 .25rem; color: var(--faint); font-size: .875rem; letter-spacing: .02em; }
h1 { margin: 0; font-size: 2rem; line-height: 1.2; letter-spacing: -.015em; overflow-wrap: anywhere; }
.summary { margin: .75rem 0 0; max-width: 46rem; font-size: 1.125rem; }
.facts { display: flex; flex-wrap: wrap; gap: .35rem 1.75rem; margin: 1.1rem 0 0; padding: 0; color: var(--faint); font-size: .875rem; }
.facts div { display: flex; gap: .4rem; }
.facts dt::after { content: ":"; }
.facts dd { margin: 0; color: var(--text); }
section { margin: 2.75rem 0; }
h2 { margin: 0 0 .35rem; font-size: 1.3125rem; line-height: 1.3; letter-spacing: -.01em; }
.lead { margin: 0 0 1.25rem; max-width: 46rem; color: var(--faint); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(13.5rem, 1fr)); gap: 1rem; margin: 2rem 0 0; padding: 0; }
.card { border: 1px solid var(--line); border-radius: .625rem; padding: 1rem 1.125rem; background: var(--surface); }
.card dt { color: var(--faint); font-size: .875rem; }
.card dd { margin: 0; }
.card .value { font-size: 1.875rem; font-weight: 650; line-height: 1.3; letter-spacing: -.02em; font-variant-numeric: tabular-nums; }
.card .note { color: var(--faint); font-size: .8125rem; line-height: 1.45; }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 26rem), 1fr)); gap: 1rem; }
figure { margin: 0; border: 1px solid var(--line); border-radius: .625rem; padding: .9rem 1rem 1rem; break-inside: avoid; min-width: 0; }
figcaption { margin: 0 0 .5rem; }
figcaption strong { display: block; font-size: .9375rem; font-weight: 600; }
figcaption span { display: block; color: var(--faint); font-size: .8125rem; line-height: 1.45; }
figure svg { display: block; width: 100%; height: auto; }
.samples { display: grid; gap: 1rem; margin: 0; padding: 0; list-style: none; }
.sample { border: 1px solid var(--line); border-radius: .625rem; overflow: hidden; break-inside: avoid; }
.prompt { margin: 0; padding: .8rem 1.125rem; background: var(--raised); border-bottom: 1px solid var(--line); }
.responses { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); }
.response { padding: .8rem 1.125rem 1rem; border-left: 1px solid var(--line); }
.response:first-child { border-left: 0; }
.who { display: flex; justify-content: space-between; gap: .5rem; margin: 0 0 .3rem; font-size: .8125rem; font-weight: 600; }
.who .gold { color: var(--faint); font-weight: 400; font-variant-numeric: tabular-nums; white-space: nowrap; }
.who i { display: inline-block; width: .6rem; height: .6rem; margin-right: .4rem; border-radius: 50%; }
.text { margin: 0; font: 1rem/1.5 ui-serif, Georgia, Cambria, "Times New Roman", serif; white-space: pre-line; overflow-wrap: anywhere; }
.label { color: var(--faint); font-size: .8125rem; }
.scroll { overflow-x: auto; }
.figures + .scroll { margin-top: 1.25rem; }
table { width: 100%; border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
th, td { padding: .5rem .75rem .5rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th { color: var(--faint); font-weight: 500; white-space: nowrap; }
tbody th { color: var(--text); font-weight: 600; }
small { color: var(--faint); font-size: .8125rem; white-space: nowrap; }
td.number, th.number { text-align: right; white-space: nowrap; }
.span { position: relative; display: block; height: .6rem; margin-top: .4rem; min-width: 9rem; background: var(--raised); border-radius: .3rem; }
.span i { position: absolute; top: 0; bottom: 0; min-width: 3px; border-radius: .3rem; background: var(--policy); }
code { font: .8125rem/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
ul.warnings { border-left: 3px solid var(--bestOf); margin: 0 0 1rem; padding: 0.25rem 0 0.25rem 2rem; }
ul.ids { margin: 0; padding: 0; list-style: none; }
details { margin-top: 1rem; }
summary { cursor: pointer; color: var(--faint); font-size: .875rem; padding: .25rem 0; }
summary:focus-visible { outline: 2px solid var(--second); outline-offset: 3px; border-radius: .25rem; }
pre { margin: .5rem 0 0; padding: 1rem 1.125rem; overflow-x: auto; background: var(--raised); border: 1px solid var(--line); border-radius: .625rem; font: .8125rem/1.6 ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
footer { margin: 3rem 0 2.5rem; padding-top: 1.25rem; border-top: 1px solid var(--line); color: var(--faint); font-size: .8125rem; }
@media (max-width: 44rem) {
  .responses { grid-template-columns: minmax(0, 1fr); }
  .response { border-left: 0; border-top: 1px solid var(--line); }
  .response:first-child { border-top: 0; }
  h1 { font-size: 1.625rem; }
}
@media print {
  :root { --surface: #fff; --raised: #f6f7f9; --line: #d4d8de; --text: #000; --faint: #444c59; --policy: #0b7a75; --pretrained: #6b7280; --bestOf: #b45309; --second: #5b5bd6; }
  body { font-size: 10.5pt; }
  section { margin: 1.5rem 0; }
  h2, .lead { break-after: avoid; }
  header { background: none; padding: 0 0 1rem; }
  .cards { grid-template-columns: repeat(4, 1fr); gap: .5rem; }
  .figures { grid-template-columns: 1fr 1fr; }
}
`;
