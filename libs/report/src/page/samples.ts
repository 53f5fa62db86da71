import type { EvaluatedSample } from '@plumbline/contracts';
import { fixed } from './format.js';
import { html, type Html } from './html.js';

/** Prompt and responses side by side, as text: nothing a model wrote is ever markup. */
export function samples(items: readonly EvaluatedSample[], bestOf: number): Html {
  return html`<ol class="samples">
    ${items.map(
      (sample) =>
        html`<li class="sample">
          <p class="prompt">
            <span class="label">Prompt</span><span class="text" style="display:block">${sample.prompt}</span>
          </p>
          <div class="responses">
            ${response('Pretrained', 'pretrained', sample.pretrained, sample.goldPretrained)}
            ${response('Policy', 'policy', sample.policy, sample.goldPolicy)}
            ${response(`Best of ${bestOf}`, 'bestOf', sample.bestOf, sample.goldBestOf)}
          </div>
        </li>`,
    )}
  </ol>`;
}

function response(who: string, ink: string, text: string, gold: number): Html {
  return html`<div class="response">
    <p class="who">
      <span><i style="background:var(--${ink})"></i>${who}</span><span class="gold">gold ${fixed(gold)}</span>
    </p>
    <p class="text">${text}</p>
  </div>`;
}
