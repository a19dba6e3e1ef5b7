import type { Memory, StoredEvidence } from '../memory.ts';
import type { MemoryModels } from '../models/memory-models.ts';
import type { SupportedCandidate } from '../pipeline/check-candidate.ts';
import { computeCosine, isDuplicate } from '../pipeline/duplicates.ts';
import { askUpdate, MAX_QUESTIONS, type UpdateChoice, type UpdateQuestion } from '../pipeline/update.ts';
import { normaliseText } from '../pipeline/words.ts';
import type { FoundMemory, MemoryStore } from '../store/memory-store.ts';

/** A supported candidate with its vector and the call that proposed it. */
export interface EmbeddedCandidate {
  readonly candidate: SupportedCandidate;
  readonly vector: Float32Array;
  readonly extraction: StoredEvidence;
}

export interface PlannedMemory extends EmbeddedCandidate {
  readonly supersedes: string | undefined;
  /** The call that compared it with heads; undefined where no head is close. */
  readonly update: StoredEvidence | undefined;
}

export interface ChangePlan {
  readonly added: readonly PlannedMemory[];
  readonly duplicates: readonly string[];
  /** Texts whose quote repeats a memory. */
  readonly served: readonly string[];
}

/** Heads that are compared with a candidate. */
const MAX_COMPARED = 24;
/** Heads that the model is shown beside a candidate. */
const MAX_SHOWN = 5;
/** Distance (1 - cosine) up to which a head may say something about the same. */
const MAX_CLOSE_DISTANCE = 0.6;
/** Words of a memory from which a copy of it is told from chance. */
const MIN_COPIED_WORDS = 4;

interface PlanMeans {
  readonly store: Pick<MemoryStore, 'search' | 'readHistory'>;
  readonly models: Pick<MemoryModels, 'chat' | 'names'>;
  readonly user: string;
  readonly signal: AbortSignal;
}

/** Decides which candidates are stored, and which heads they replace (docs/spec/memory.md#updates). */
export async function planChange(means: PlanMeans, candidates: readonly EmbeddedCandidate[]): Promise<ChangePlan> {
  const fresh: { readonly one: EmbeddedCandidate; readonly close: readonly Memory[] }[] = [];
  const [duplicates, served]: [string[], string[]] = [[], []];
  for (const one of candidates) {
    const { candidate, vector } = one;
    const heads = await findHeads(means, one);
    const isRepeated = fresh.some(({ one: other }) =>
      isDuplicate(candidate, other.candidate, computeCosine(vector, other.vector)),
    );
    if (await isServed(means, candidate, heads)) served.push(candidate.text);
    else if (isRepeated || heads.some((head) => isDuplicate(candidate, head.memory, 1 - distanceOf(head))))
      duplicates.push(candidate.text);
    else {
      const close = heads.filter((head) => distanceOf(head) <= MAX_CLOSE_DISTANCE).slice(0, MAX_SHOWN);
      fresh.push({ one, close: close.map(({ memory }) => memory) });
    }
  }
  const choices = await askChoices(means, fresh);
  const ended = new Set<string>();
  const added = fresh.flatMap(({ one }, index): PlannedMemory[] => {
    const { choice, update } = choices[index] ?? { choice: 'add', update: undefined };
    if (choice === 'none') {
      duplicates.push(one.candidate.text);
      return [];
    }
    // A head is replaced once; a second memory about it stands beside the first one.
    const id = choice === 'add' || ended.has(choice.supersede) ? undefined : choice.supersede;
    if (id !== undefined) ended.add(id);
    return [{ ...one, supersedes: id, update }];
  });
  return { added, duplicates, served };
}

const dayOf = ({ quote, updatedAtMs }: Memory): string =>
  quote?.day ?? new Date(updatedAtMs).toISOString().slice(0, 10);

/** Vectors of another model have no distance, so words alone found the memory. */
const distanceOf = ({ vectorDistance }: FoundMemory): number => vectorDistance ?? 1;

async function findHeads(
  { store, models, user }: PlanMeans,
  { candidate, vector }: EmbeddedCandidate,
): Promise<readonly FoundMemory[]> {
  const { text, subject } = candidate;
  const query = { text, vector, embeddingModel: models.names.embedding, limit: MAX_COMPARED };
  const found = await store.search(user, query);
  return found.filter(({ memory }) => memory.subject.toLowerCase() === subject.toLowerCase());
}

/** Returns whether the quote repeats a close memory or one that it replaced: an assistant that recites its memories states nothing new. */
async function isServed(
  { store, user }: PlanMeans,
  { words }: SupportedCandidate,
  heads: readonly FoundMemory[],
): Promise<boolean> {
  const quoted = ` ${normaliseText(words)} `;
  for (const { memory } of heads) {
    const history = memory.supersedes === undefined ? [memory] : await store.readHistory(user, memory.id);
    const texts = history.map(({ text }) => normaliseText(text));
    if (texts.some((text) => text.split(' ').length >= MIN_COPIED_WORDS && quoted.includes(` ${text} `))) return true;
  }
  return false;
}

async function askChoices(
  { models, signal }: PlanMeans,
  fresh: readonly { readonly one: EmbeddedCandidate; readonly close: readonly Memory[] }[],
): Promise<readonly ({ readonly choice: UpdateChoice; readonly update: StoredEvidence } | undefined)[]> {
  const asked = fresh.flatMap(({ one, close }, index) => (close.length === 0 ? [] : [{ index, one, close }]));
  const choices: ({ choice: UpdateChoice; update: StoredEvidence } | undefined)[] = fresh.map(() => undefined);
  for (let from = 0; from < asked.length; from += MAX_QUESTIONS) {
    const part = asked.slice(from, from + MAX_QUESTIONS);
    const questions = part.map(({ one: { candidate }, close }): UpdateQuestion => {
      const known = close.map((head) => ({ id: head.id, text: head.text, day: dayOf(head) }));
      return { text: candidate.text, day: candidate.turn.day, known };
    });
    const { choices: chosen, evidence } = await askUpdate(models, questions, signal);
    for (const [place, { index }] of part.entries())
      choices[index] = { choice: chosen[place] ?? 'none', update: evidence };
  }
  return choices;
}
