import { parseJsonText } from '@ogong/protocol/base/json';
import { z } from 'zod';
import { CATEGORIES, type Category, type Memory } from '../memory.ts';
import { describeFacts, type ProfilePart, type ProfileSentence } from '../pipeline/describe.ts';
import type { MemoryStore } from '../store/memory-store.ts';
import type { ServiceMeans } from './add-memories.ts';
import { assertWritten } from './written-text.ts';

export interface ProfileText {
  readonly sentences: readonly ProfileSentence[];
  /** Unix time, ms. */
  readonly generatedAtMs: number;
  /** Share of the model's sentences that the memories support; 1 for a text that a person wrote. */
  readonly confidence: number;
  /** A person wrote it. It stays until it is refreshed. */
  readonly isWritten: boolean;
}

/** Memories that a text is made of: the newest ones. */
const MAX_FACTS = 60;
/** New memories from which a text is made again, if it was made of more than four times as many. */
const MIN_CHANGES = 5;
const CHANGED_SHARE = 4;

const PARTS: readonly ProfilePart[] = ['bio', 'insights', 'traits', ...CATEGORIES];
const nameNote = (part: ProfilePart): string => `profile-${part}`;
const isCategory = (part: ProfilePart): part is Category => (CATEGORIES as readonly string[]).includes(part);

interface KeptProfile extends ProfileText {
  /** Memories that it was made of. */
  readonly factCount: number;
}

const NOTE = z.strictObject({
  sentences: z.array(z.strictObject({ text: z.string(), from: z.array(z.string()) })),
  generatedAtMs: z.number(),
  confidence: z.number(),
  isWritten: z.boolean(),
  factCount: z.number(),
});

/** The text that is kept, however old it is. */
export async function readKeptProfile(
  store: Pick<MemoryStore, 'readNote'>,
  { user, part }: { readonly user: string; readonly part: ProfilePart },
): Promise<KeptProfile | undefined> {
  const note = await store.readNote(user, nameNote(part));
  return note === undefined ? undefined : NOTE.parse(parseJsonText(note));
}

/**
 * Reads a part of a user's profile, and makes it again if enough memories are newer.
 * @returns undefined if there are no memories for it.
 */
export async function readProfile(
  { store, models, clock }: Pick<ServiceMeans, 'store' | 'models' | 'clock'>,
  given: {
    readonly user: string;
    readonly part: ProfilePart;
    readonly isRefreshed: boolean;
    readonly signal: AbortSignal;
  },
): Promise<ProfileText | undefined> {
  const { user, part, isRefreshed, signal } = given;
  const filter = isCategory(part) ? { categories: [part] } : {};
  const facts = await store.list(user, filter, { limit: MAX_FACTS });
  const kept = await readKeptProfile(store, given);
  if (kept !== undefined && !isRefreshed && (kept.isWritten || !hasChanged(kept, facts))) return toProfileText(kept);
  if (facts.length === 0) return undefined;
  const described = await describeFacts(models, { part, facts, signal });
  const made = { ...described, generatedAtMs: clock.nowMs(), isWritten: false, factCount: facts.length };
  await store.writeNote(user, nameNote(part), JSON.stringify(made));
  return toProfileText(made);
}

function hasChanged(
  { generatedAtMs, factCount }: Pick<KeptProfile, 'generatedAtMs' | 'factCount'>,
  facts: readonly Memory[],
): boolean {
  const newer = facts.filter(({ createdAtMs }) => createdAtMs > generatedAtMs).length;
  return newer >= Math.max(1, Math.min(MIN_CHANGES, Math.floor(factCount / CHANGED_SHARE)));
}

const toProfileText = ({ factCount: _, ...text }: KeptProfile): ProfileText => text;

/** Stores a bio that a person wrote. @throws MemoryError `malformed`, `too-large` */
export async function writeBio(
  { store, clock }: Pick<ServiceMeans, 'store' | 'clock'>,
  { user, text }: { readonly user: string; readonly text: string },
): Promise<void> {
  assertWritten(text);
  const sentences = [{ text, from: [] }];
  const note = { sentences, generatedAtMs: clock.nowMs(), confidence: 1, isWritten: true, factCount: 0 };
  await store.writeNote(user, nameNote('bio'), JSON.stringify(note));
}

/** Erases the texts that a model made: they may repeat a memory that is erased or corrected. */
export async function eraseProfiles(store: Pick<MemoryStore, 'readNote' | 'writeNote'>, user: string): Promise<void> {
  for (const part of PARTS) {
    const kept = await readKeptProfile(store, { user, part });
    if (kept !== undefined && !kept.isWritten) await store.writeNote(user, nameNote(part), undefined);
  }
}
