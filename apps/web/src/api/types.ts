export type Role = 'labeler' | 'lead' | 'researcher' | 'auditor' | 'admin';
export type Status = 'queued' | 'running' | 'waiting' | 'paused' | 'completed' | 'failed' | 'cancelled';

export interface User {
  id: string;
  email: string;
  displayName: string;
  role: Role;
}
export interface Session {
  user: User;
  csrfToken: string;
}

export interface Message {
  role: 'user' | 'assistant' | 'document';
  parts: { type: 'text'; text: string }[];
}
export interface TaskResponse {
  id: string;
  key: string;
  text: string;
}
export interface Task {
  slotId: string;
  runId: string;
  runName: string;
  comparisonId: string;
  comparisonKey: string;
  ordinal: number;
  seed: number;
  prompt: Message[];
  responses: TaskResponse[];
  guideline: { version: number; text: string };
  leaseExpiresAt: string;
}
export interface LabelingProgress {
  judgedByMe: number;
  judged: number;
  required: number;
}
export interface NextTask {
  task: Task | null;
  progress: LabelingProgress;
}
export interface Judgement {
  outcome: 'ranked' | 'tie' | 'both_bad';
  ranks?: Record<string, number>;
  durationMs: number;
}
export interface Judged {
  judgementId: string;
  progress: LabelingProgress;
}

export interface Progress {
  phase: string;
  done: number;
  total: number;
  unit: string;
}
export interface RunSummary {
  runId: string;
  name: string;
  status: Status;
  preset: string | null;
  startedBy: string;
  createdAt: string;
  startedAt: string | null;
  finishedAt: string | null;
  currentStep: string | null;
  progress: Progress | null;
}
export interface RunPage {
  items: RunSummary[];
  nextCursor: string | null;
}
export interface Checkpoint {
  index: number;
  id: string;
  createdAt: string;
}
export interface Step {
  stepId: string;
  name: string;
  status: Status;
  startedAt: string | null;
  finishedAt: string | null;
  error: string | null;
  inputs: Record<string, string>;
  outputs: Record<string, string>;
  progress: Progress | null;
  checkpoints: Checkpoint[];
  metrics: Record<string, number>;
  collection: { judged: number; required: number } | null;
}
export interface RunDetail extends RunSummary {
  error: string | null;
  configuration: Record<string, unknown>;
  configurationHash: string;
  commit: string | null;
  dirty: boolean | null;
  lockfileHash: string | null;
  versions: Record<string, string>;
  machine: Record<string, unknown>;
  forkedFrom: string | null;
  workflowId: string;
  report: { json: string; html: string } | null;
  historyArtifact: string | null;
  steps: Step[];
}
export interface Series {
  step: string;
  name: string;
  points: [number, number][];
}
export interface RunEvent {
  id: string;
  at: string;
  actor: { kind: string; name: string };
  action: string;
  subject: { type: string; id: string };
  payload: unknown;
}
export interface EventPage {
  items: RunEvent[];
  nextCursor: string | null;
}
export interface Preset {
  name: string;
  description: string;
  configuration: Record<string, unknown>;
}
export interface StartRun {
  preset?: string;
  configuration?: Record<string, unknown>;
  overrides?: { path: string; value: unknown }[];
}
