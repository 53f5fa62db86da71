import { Anchor, Text, Title } from '@mantine/core';
import type { RunDetail } from '../api/types.js';
import { addresses } from '../api/client.js';
import { Hash } from '../ui/hash.js';
import { DownloadIcon } from '../ui/icons.js';
import styles from './run-configuration.module.css';
import { PIPELINE } from './step-names.js';

/** The frozen configuration, and what it ran on and with. */
export function RunConfiguration({ run }: { run: RunDetail }) {
  const entries = Object.entries(run.configuration);
  const top = entries.filter(([, value]) => !isSection(value)).sort(byName);
  const sections = entries
    .filter(([, value]) => isSection(value))
    .sort(([a], [b]) => sectionRank(a) - sectionRank(b));
  return (
    <div className={styles.columns}>
      <section aria-labelledby="configuration-title">
        <div className={styles.title}>
          <Title order={2} size="h3" id="configuration-title">
            Configuration
          </Title>
          <Hash value={run.configurationHash} of="configuration hash" />
        </div>
        <div className={styles.sections}>
          {top.length > 0 && <Section title="run" entries={top} />}
          {sections.map(([name, value]) => (
            <Section key={name} title={name} entries={flatten(value as Record<string, unknown>)} />
          ))}
        </div>
      </section>
      <section aria-labelledby="provenance-title">
        <div className={styles.title}>
          <Title order={2} size="h3" id="provenance-title">
            Provenance
          </Title>
        </div>
        <div className={styles.sections}>
          <div className={`panel ${styles.section}`}>
            <dl>
              {run.commit !== null && (
                <div>
                  <dt>Commit</dt>
                  <dd>
                    <Hash value={run.commit} of="commit" />
                    {run.dirty === true && (
                      <Text span size="xs" c="var(--tone-attention)" fw={600}>
                        with uncommitted changes
                      </Text>
                    )}
                  </dd>
                </div>
              )}
              {run.lockfileHash !== null && (
                <div>
                  <dt>Lockfile</dt>
                  <dd>
                    <Hash value={run.lockfileHash} of="lockfile hash" />
                  </dd>
                </div>
              )}
              <div>
                <dt>Workflow</dt>
                <dd>
                  <code>{run.workflowId}</code>
                </dd>
              </div>
              <div>
                <dt>Workflow history</dt>
                <dd>
                  {run.historyArtifact === null ? (
                    'archived when the run closes'
                  ) : (
                    <>
                      <Hash value={run.historyArtifact} of="workflow history" artifact />
                      <Anchor
                        href={addresses.history(run.runId)}
                        download={`history-${run.runId}.json`}
                        size="sm"
                        className={styles.download}
                      >
                        <DownloadIcon size={14} /> Download
                      </Anchor>
                    </>
                  )}
                </dd>
              </div>
            </dl>
          </div>
          {Object.keys(run.versions).length > 0 && (
            <Section title="versions" entries={Object.entries(run.versions).sort(byName)} />
          )}
          {Object.keys(run.machine).length > 0 && <Section title="machine" entries={flatten(run.machine)} />}
        </div>
      </section>
    </div>
  );
}

function Section({ title, entries }: { title: string; entries: readonly (readonly [string, unknown])[] }) {
  if (entries.length === 0) return null;
  return (
    <div className={`panel ${styles.section}`}>
      <Title order={3} size="h4">
        {title}
      </Title>
      <dl>
        {entries.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              <code>{typeof value === 'string' ? value : JSON.stringify(value)}</code>
            </dd>
          </div>
        ))}
      </dl>
    </div>
  );
}

function isSection(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** In the order of the pipeline, whatever order the database keeps. */
const SECTIONS: readonly string[] = ['inputs', 'model', ...PIPELINE];

function sectionRank(name: string): number {
  const rank = SECTIONS.indexOf(name);
  return rank === -1 ? SECTIONS.length : rank;
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a.localeCompare(b);
}

/** Nested sections as dotted paths, as `--set` names them. */
function flatten(section: Record<string, unknown>, prefix = ''): (readonly [string, unknown])[] {
  return Object.entries(section)
    .sort(byName)
    .flatMap(([name, value]) =>
      isSection(value) ? flatten(value, `${prefix}${name}.`) : [[prefix + name, value] as const],
    );
}
