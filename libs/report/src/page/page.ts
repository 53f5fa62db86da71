import type { Algorithm } from '@plumbline/contracts';
import type { ReportDocument } from '../report-document.js';
import { document, section } from './document.js';
import { collectionSentence, curveFigures, outcomeFigures } from './figures.js';
import { frontierSection } from './frontier.js';
import { cards, header } from './header.js';
import { html, type Html } from './html.js';
import { lineage } from './lineage.js';
import { rewardModelFigures } from './reward-model.js';
import { samples } from './samples.js';

/** The page of a run. */
export function page(report: ReportDocument): string {
  const { run, headline, frontier, samples: texts, configuration } = report;
  const body = html`${header(report)}
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
      ${section('Pretraining', 'Next-token prediction on the corpus.', curveFigures(report, 'pretrain'))}
      ${section('Supervised fine-tuning', 'Completions learned from the prompts before them.', curveFigures(report, 'sft'))}
      ${section('Preferences and reward model', collectionSentence(report) ?? 'A score learned from comparisons.', preferences(report))}
      ${section(
        'Policy optimisation',
        `${OPTIMISERS[configuration.optimise.algorithm]} Faint lines are single iterations, strong ones their running mean.`,
        optimisation(report),
      )}
      ${section('Lineage', 'Every id is the SHA-256 of what it names: equal work has equal ids.', lineage(report))}
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
  return document(run.name, body);
}

/** What each algorithm does, in a sentence. */
const OPTIMISERS: Readonly<Record<Algorithm, string>> = {
  ppo: 'PPO against the reward model with a KL penalty to the pretrained model.',
  rloo: 'RLOO against the reward model, several responses a prompt for one another’s baseline, with a KL penalty to the pretrained model.',
  grpo: 'GRPO against the reward model, several responses a prompt compared with one another, with a KL penalty to the pretrained model.',
  dpo: 'DPO on the preferences themselves, without responses of its own.',
  'best-of-n': 'Best-of-n: the pretrained model’s responses, the one kept that the reward model likes best.',
};

/** What there is to warn of, and the curves. */
function optimisation(report: ReportDocument): Html | null {
  const curves = curveFigures(report, 'optimise');
  const warnings = report.warnings.filter(({ step }) => step === 'optimise');
  if (warnings.length === 0) return curves;
  return html`<ul class="warnings">
      ${warnings.map(({ index, message }) => html`<li>Iteration ${index}: ${message}.</li>`)}
    </ul>
    ${curves}`;
}

/** The reward model's curves, and how far it can be trusted. */
function preferences(report: ReportDocument): Html | null {
  const { rewardModel } = report;
  const curves = curveFigures(report, 'reward');
  const quality = rewardModel && rewardModelFigures(rewardModel);
  return curves === null && quality === null ? null : html`${curves} ${quality}`;
}
