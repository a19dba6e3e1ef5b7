import type { Memory } from './memory.ts';
import type { ProfilePart } from './pipeline/describe.ts';
import type { ExtractionOptions } from './pipeline/extract.ts';
import { addMemories, type ServiceMeans } from './service/add-memories.ts';
import type { AddRequest, AddResult } from './service/add-request.ts';
import { type AnswerRequest, answerQuestion, type MemoryAnswer } from './service/answer-question.ts';
import { countMemories, type MemoryCounts } from './service/count-memories.ts';
import { editMemory, type MemoryEdit } from './service/edit-memory.ts';
import { type ImportOutcome, importMemory, type MemoryProof } from './service/import-memory.ts';
import { eraseProfiles, type ProfileText, readProfile, writeBio } from './service/profiles.ts';
import { type MemorySearch, type SearchRequest, searchMemories } from './service/search-memories.ts';
import { createUserQueue, type UserQueue } from './service/user-queue.ts';
import { readWebhook, type Webhook, writeWebhook } from './service/webhook-note.ts';
import type { MemoryFilter, MemoryPage, MemoryStore } from './store/memory-store.ts';

export interface MemoryServiceOptions extends Omit<ServiceMeans, 'limits'> {
  readonly limits?: Partial<ExtractionOptions>;
  /** Of services over one store that ask different models. Default: one of its own. */
  readonly queue?: UserQueue;
}

/** Memories of users. Changes of one user run one after the other, those of other processes too. Errors are those of the store, of the models, and MemoryError. */
export interface MemoryService {
  /** Stores what the messages say that is new and supported. The same messages again store nothing. */
  add(user: string, request: AddRequest, signal: AbortSignal): Promise<AddResult>;
  search(user: string, request: SearchRequest, signal: AbortSignal): Promise<MemorySearch>;
  /** Answers a question from the memories alone. @returns undefined if none is found. */
  answer(user: string, request: AnswerRequest, signal: AbortSignal): Promise<MemoryAnswer | undefined>;
  get(user: string, id: string): Promise<Memory | undefined>;
  /** Heads, newest first. */
  list(user: string, filter: MemoryFilter, page: MemoryPage): Promise<readonly Memory[]>;
  /** A memory with its vector and the calls that it names, for verifyMemory. */
  readProof(user: string, id: string): Promise<MemoryProof | undefined>;
  edit(user: string, id: string, edit: MemoryEdit, signal: AbortSignal): Promise<Memory | undefined>;
  /** Stores a memory of an export, if its proof does not fail. */
  import(user: string, proof: MemoryProof, signal: AbortSignal): Promise<ImportOutcome>;
  /** Erases a memory with its history and the texts that were made of memories. @returns false if there is none. */
  remove(user: string, id: string): Promise<boolean>;
  removeUser(user: string): Promise<boolean>;
  /** A head and the memories that it replaced, newest first. */
  readHistory(user: string, id: string): Promise<readonly Memory[]>;
  /** @returns undefined if there are no memories for this part. */
  readProfile(
    user: string,
    ask: { readonly part: ProfilePart; readonly isRefreshed: boolean },
    signal: AbortSignal,
  ): Promise<ProfileText | undefined>;
  writeBio(user: string, text: string): Promise<void>;
  readWebhook(user: string): Promise<Webhook | undefined>;
  /** @param webhook undefined removes it. */
  writeWebhook(user: string, webhook: Webhook | undefined): Promise<void>;
  count(user: string): Promise<MemoryCounts>;
}

const DEFAULT_LIMITS: ExtractionOptions = { maxTokens: 2_048, windowSize: 12_000 };

export function createMemoryService({
  limits,
  queue = createUserQueue(),
  ...given
}: MemoryServiceOptions): MemoryService {
  const means = { ...given, limits: { ...DEFAULT_LIMITS, ...limits } };
  const { store } = means;
  const inTurn: UserQueue = (user, job) => queue(user, () => store.alone(user, job));
  return {
    add: (user, request, signal) => inTurn(user, () => addMemories(means, { ...request, user, signal })),
    search: (user, request, signal) => searchMemories(means, { ...request, user, signal }),
    answer: (user, request, signal) => answerQuestion(means, { ...request, user, signal }),
    get: async (user, id) => (await store.get(user, id))?.memory,
    list: store.list,
    readProof: (user, id) => readProof(store, user, id),
    edit: (user, id, edit, signal) => inTurn(user, () => editMemory(means, { user, id, edit, signal })),
    import: (user, proof, signal) => inTurn(user, () => importMemory(means, proof, { user, signal })),
    remove: (user, id) =>
      inTurn(user, async () => {
        await eraseProfiles(store, user);
        return store.remove(user, id);
      }),
    removeUser: (user) => inTurn(user, () => store.removeUser(user)),
    readHistory: (user, id) => store.readHistory(user, id),
    readProfile: (user, ask, signal) => inTurn(user, () => readProfile(means, { ...ask, user, signal })),
    writeBio: (user, text) => inTurn(user, () => writeBio(means, { user, text })),
    readWebhook: (user) => readWebhook(store, user),
    writeWebhook: (user, webhook) => writeWebhook(store, user, webhook),
    count: (user) => countMemories(store, user),
  };
}

async function readProof(store: MemoryStore, user: string, id: string): Promise<MemoryProof | undefined> {
  const embedded = await store.get(user, id);
  if (embedded === undefined) return undefined;
  const { extraction, embedding, update } = embedded.memory.evidence ?? {};
  const read = async (name: string | undefined) => (name === undefined ? undefined : store.readEvidence(user, name));
  const calls = { extraction: await read(extraction), embedding: await read(embedding), update: await read(update) };
  return { embedded, calls };
}
