// Trains a student and writes its file, in a thread, because it takes minutes.
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
