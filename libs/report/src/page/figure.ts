import { Html, html } from './html.js';

/** A figure with its title and caption. @param svg markup as `renderSvg` gives it */
export function figure(title: string, caption: string, svg: string): Html {
  return html`<figure>
    <figcaption><strong>${title}</strong><span>${caption}</span></figcaption>
    ${new Html(svg)}
  </figure>`;
}
