import type { Schemas } from '@plumbline/api-client';

/** The API's shapes under the names that this app calls them by. */
export type Role = Schemas['Role'];
export type Status = Schemas['Status'];
export type User = Schemas['UserDto'];
export type Session = Schemas['SessionDto'];

export type Message = Schemas['MessageDto'];
export type Task = Schemas['TaskDto'];
export type NextTask = Schemas['NextTaskDto'];
export type LabelingProgress = Schemas['LabelingProgressDto'];
export type Judgement = Schemas['JudgementRequestDto'];
export type Judged = Schemas['JudgementAnswerDto'];

export type StepName = Schemas['StepName'];
export type Progress = Schemas['ProgressDto'];
export type RunSummary = Schemas['RunSummaryDto'];
export type RunDetail = Schemas['RunDetailDto'];
export type Step = Schemas['StepDto'];
export type Series = Schemas['SeriesDto'];
export type RunEvent = Schemas['EventDto'];
export type Preset = Schemas['PresetDto'];
