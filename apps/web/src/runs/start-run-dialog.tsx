import {
  ActionIcon,
  Anchor,
  Button,
  Code,
  Collapse,
  Group,
  List,
  Modal,
  NumberInput,
  Radio,
  Skeleton,
  Stack,
  Text,
  TextInput,
} from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { api } from '../api/client.js';
import { ApiError, describeError, type FieldProblem } from '../api/problem.js';
import type { Preset } from '../api/types.js';
import { Failure } from '../ui/failure.js';
import { CrossIcon, PlusIcon } from '../ui/icons.js';
import { Notice } from '../ui/notice.js';
import { type OverrideRow, parseOverrides } from './overrides.js';
import { RUNS_KEY, usePresets } from './run-queries.js';
import styles from './start-run-dialog.module.css';

export interface StartRunDialogProps {
  readonly opened: boolean;
  readonly onClose: () => void;
  readonly onStarted: (runId: string) => void;
}

/** A preset, and what differs from it. */
export function StartRunDialog({ opened, onClose, onStarted }: StartRunDialogProps) {
  const presets = usePresets(opened);
  return (
    <Modal opened={opened} onClose={onClose} title="Start a run" size="lg">
      {presets.isPending && <Skeleton height={220} radius="md" />}
      {presets.isError && (
        <Failure
          title="The presets could not be loaded"
          error={presets.error}
          onRetry={() => void presets.refetch()}
        />
      )}
      {presets.isSuccess && <StartRunForm presets={presets.data} onClose={onClose} onStarted={onStarted} />}
    </Modal>
  );
}

function StartRunForm({
  presets,
  onClose,
  onStarted,
}: Omit<StartRunDialogProps, 'opened'> & { presets: readonly Preset[] }) {
  const queryClient = useQueryClient();
  const [presetName, setPresetName] = useState(presets[0]?.name ?? '');
  const [name, setName] = useState('');
  const [seed, setSeed] = useState<number | string>('');
  const [rows, setRows] = useState<readonly OverrideRow[]>([]);
  const [judges, setJudges] = useState<'simulated' | 'people'>('simulated');
  const preset = presets.find((candidate) => candidate.name === presetName);
  const simulated = simulatedLabelersOf(preset);
  const start = useMutation({
    mutationFn: api.startRun,
    onSuccess: async ({ runId }) => {
      onClose();
      onStarted(runId);
      await queryClient.invalidateQueries({ queryKey: RUNS_KEY });
    },
  });

  const problems = start.error instanceof ApiError ? start.error.fields : [];
  const shownAtField = new Set(['name', 'seed', ...rows.map((row) => row.path.trim())]);
  const elsewhere = problems.filter((problem) => !shownAtField.has(problem.path));
  const at = (path: string) => messageAt(problems, path);

  const submit = (event: FormEvent) => {
    event.preventDefault();
    const overrides = parseOverrides({ name, seed: String(seed), rows });
    if (simulated !== null && judges === 'people')
      overrides.push({ path: 'collect.simulatedLabelers', value: null });
    start.mutate({ preset: presetName, overrides });
  };
  const change = (index: number, part: Partial<OverrideRow>) =>
    setRows(rows.map((row, other) => (other === index ? { ...row, ...part } : row)));

  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="lg">
        <Radio.Group label="Preset" value={presetName} onChange={setPresetName}>
          <Stack gap="xs" mt={6}>
            {presets.map((candidate) => (
              <Radio.Card key={candidate.name} value={candidate.name} className={styles.preset} radius="md">
                <Radio.Indicator mt={2} />
                <div>
                  <Text fw={600} size="sm">
                    {candidate.name}
                  </Text>
                  <Text size="sm" c="dimmed">
                    {candidate.description}
                  </Text>
                </div>
              </Radio.Card>
            ))}
          </Stack>
        </Radio.Group>
        <div className={styles.pair}>
          <TextInput
            label="Name"
            placeholder={textOf(preset?.configuration.name)}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            error={at('name')}
          />
          <NumberInput
            label="Seed"
            placeholder={textOf(preset?.configuration.seed)}
            value={seed}
            onChange={setSeed}
            allowDecimal={false}
            hideControls
            error={at('seed')}
          />
        </div>
        <Text size="xs" c="dimmed" mt={-12}>
          The same preset with the same seed gives the same checkpoints, bit for bit.
        </Text>
        {simulated !== null && (
          <Radio.Group
            label="Judged by"
            value={judges}
            onChange={(value) => setJudges(value === 'people' ? 'people' : 'simulated')}
          >
            <Group gap="lg" mt={6}>
              <Radio value="simulated" label={`${simulated} simulated labelers`} />
              <Radio value="people" label="People: the run waits for them" />
            </Group>
          </Radio.Group>
        )}
        <div>
          <Group justify="space-between" mb={rows.length > 0 ? 6 : 0}>
            <Text size="sm" fw={500}>
              Other keys
            </Text>
            <Anchor
              component="button"
              type="button"
              size="sm"
              onClick={() => setRows([...rows, { path: '', value: '' }])}
              style={{ display: 'inline-flex', alignItems: 'center', gap: 6 }}
            >
              <PlusIcon size={14} /> Override a key
            </Anchor>
          </Group>
          <Collapse expanded={rows.length > 0}>
            <Stack gap="xs">
              {rows.map((row, index) => (
                <div key={index} className={styles.override}>
                  <TextInput
                    aria-label={`Key ${index + 1}`}
                    placeholder="optimise.kl.target"
                    value={row.path}
                    onChange={(event) => change(index, { path: event.currentTarget.value })}
                    error={row.path.trim() === '' ? undefined : at(row.path.trim())}
                    classNames={{ input: styles.mono }}
                    spellCheck={false}
                  />
                  <TextInput
                    aria-label={`Value ${index + 1}`}
                    placeholder="6"
                    value={row.value}
                    onChange={(event) => change(index, { value: event.currentTarget.value })}
                    classNames={{ input: styles.mono }}
                    spellCheck={false}
                  />
                  <ActionIcon
                    variant="subtle"
                    color="gray"
                    size={36}
                    aria-label={`Remove override ${index + 1}`}
                    onClick={() => setRows(rows.filter((_, other) => other !== index))}
                  >
                    <CrossIcon />
                  </ActionIcon>
                </div>
              ))}
              <Text size="xs" c="dimmed">
                Numbers, <Code>true</Code>, <Code>false</Code> and <Code>null</Code> (the key is absent) are
                read as such; anything else is text.
              </Text>
            </Stack>
          </Collapse>
        </div>
        {start.isError && (elsewhere.length > 0 || problems.length === 0) && (
          <Notice tone="negative" title="The run was not started">
            {elsewhere.length > 0 ? (
              <List size="sm" spacing={4}>
                {elsewhere.map((problem) => (
                  <List.Item key={problem.path + problem.message}>
                    <Code>{problem.path}</Code> {problem.message}
                  </List.Item>
                ))}
              </List>
            ) : (
              describeError(start.error)
            )}
          </Notice>
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={start.isPending} disabled={presetName === ''}>
            Start
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function messageAt(problems: readonly FieldProblem[], path: string): string | undefined {
  const messages = problems.filter((problem) => problem.path === path).map((problem) => problem.message);
  return messages.length === 0 ? undefined : messages.join('; ');
}

/** How many simulated labelers a preset employs; null when people judge. */
function simulatedLabelersOf(preset: Preset | undefined): number | null {
  const collect = preset?.configuration.collect;
  const count =
    typeof collect === 'object' && collect !== null
      ? (collect as Record<string, unknown>).simulatedLabelers
      : null;
  return typeof count === 'number' ? count : null;
}

function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}
