// Trains a student and writes it down, on a thread of its own: minutes of arithmetic, beside which others go on.
import { workerData } from 'node:worker_threads';
import { distil } from './distil.ts';
import { openDraft, writeDraft } from './gguf-draft.ts';

export interface Lesson {
  readonly base: string;
  readonly target: string;
  readonly skipped: readonly number[];
  readonly texts: readonly Uint32Array[];
}

const { base, target, skipped, texts } = workerData as Lesson;
writeDraft(target, distil(openDraft(base), skipped, texts));
