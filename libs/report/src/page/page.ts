import type { ReportDocument } from '../report-document.js';
import { collectionSentence, curveFigures, outcomeFigures } from './figures.js';
import { frontierSection } from './frontier.js';
import { cards, header } from './header.js';
import { html, type Html } from './html.js';
import { lineage } from './lineage.js';
import { rewardModelFigures } from './reward-model.js';
import { samples } from './samples.js';
import { STYLE } from './style.js';

/** The whole page: nothing in it refers to anything outside it. */
export function page(document: ReportDocument): string {
  const { run, headline, frontier, samples: texts, configuration } = document;
  const body = html`${header(document)}
    <main>
      ${headline && cards(headline)}
      ${
        headline &&
        section(
          'Did the policy improve?',
          `All on the same ${headline.prompts} held-out prompts, which neither the reward model nor PPO has seen; bars are 95 % bootstrap intervals over prompts.`,
          outcomeFigures(headline),
        )
      }
      ${
        frontier &&
        section(
          'How far does optimisation pay?',
          'Gold and proxy reward as the policy leaves the pretrained model, beside best-of-n sampling, on the same prompts.',
          frontierSection(frontier),
        )
      }
      ${texts.length > 0 && section('Responses side by side', 'The first held-out prompts, not selected.', samples(texts, headline!.bestOf))}
      ${section('Pretraining', 'Next-token prediction on the corpus.', curveFigures(document, 'pretrain'))}
      ${section('Supervised fine-tuning', 'Completions learned from the prompts before them.', curveFigures(document, 'sft'))}
      ${section('Preferences and reward model', collectionSentence(document) ?? 'A score learned from comparisons.', preferences(document))}
      ${section(
        'Policy optimisation',
        'PPO against the reward model with a KL penalty to the pretrained model. Faint lines are single iterations, strong ones their running mean.',
        curveFigures(document, 'optimise'),
      )}
      ${section('Lineage', 'Every id is the SHA-256 of what it names: equal work has equal ids.', lineage(document))}
      ${section(
        'Configuration',
        'Resolved and frozen when the run started.',
        html`<details>
          <summary>Show the configuration</summary>
          <pre>${JSON.stringify(configuration, null, 2)}</pre>
        </details>`,
      )}
      <footer>
        Made by Plumbline from run <code>${run.runId}</code>. This file is complete in itself and asks nothing
        of the network.
      </footer>
    </main>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${html`${run.name}`.text} · Plumbline report</title>
<style>${STYLE}</style>
</head>
<body>
${body.text}
</body>
</html>
`;
}

/** The reward model's curves, and how far it can be trusted. */
function preferences(document: ReportDocument): Html | null {
  const { rewardModel } = document;
  const curves = curveFigures(document, 'reward');
  const quality = rewardModel && rewardModelFigures(rewardModel);
  return curves === null && quality === null ? null : html`${curves} ${quality}`;
}

function section(title: string, lead: string, content: Html | null): Html | null {
  return (
    content &&
    html`<section>
      <h2>${title}</h2>
      <p class="lead">${lead}</p>
      ${content}
    </section>`
  );
}
