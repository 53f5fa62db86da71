import { html, type Html } from './html.js';
import { STYLE } from './style.js';

/** A whole page: nothing in it refers to anything outside it. */
export function document(title: string, body: Html): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${html`${title}`.text} · Plumbline report</title>
<style>${STYLE}</style>
</head>
<body>
${body.text}
</body>
</html>
`;
}

/** A titled part of a page; nothing where there is no content. */
export function section(title: string, lead: string, content: Html | null): Html | null {
  return (
    content &&
    html`<section>
      <h2>${title}</h2>
      <p class="lead">${lead}</p>
      ${content}
    </section>`
  );
}
