import { randomBytes } from 'node:crypto';
import { Secret } from '@ogong/host/crypto/secret';
import { openStore } from '@ogong/host/store/store';
import { createWorkStore } from '@ogong/host/store/work-store';
import type { Memory } from '@ogong/memory/memory';
import { createMemoryService, type MemoryService } from '@ogong/memory/memory-service';
import type { MemoryModels } from '@ogong/memory/models/memory-models';
import { MEMORY_SCHEMA } from '@ogong/memory/store/memory-schema';
import type { MemoryStore } from '@ogong/memory/store/memory-store';
import { openMemoryStore } from '@ogong/memory/store/open-memory-store';
import { addCounts, type QualityCounts } from './figures.ts';
import type { ProposalTruth } from './proposals.ts';
import { listHolding, type SetConversation } from './set/conversation.ts';

/** Models that answer for one conversation, and the truth about their proposals. */
export interface MeasuredModels {
  readonly models: MemoryModels;
  readonly classify: (memory: Pick<Memory, 'text' | 'quote'>) => ProposalTruth;
}

export interface QualityOptions {
  readonly conversations: readonly SetConversation[];
  readonly openModels: (conversation: SetConversation) => MeasuredModels;
  readonly onProgress?: (id: string) => void;
}

const FOUND = 10;
const PAGE = 100;
const { signal } = new AbortController();

/** Stores the conversations, each with a user of its own, and asks their questions. */
export async function measureQuality(options: QualityOptions): Promise<QualityCounts> {
  const { conversations, openModels, onProgress = () => undefined } = options;
  const database = openStore(':memory:', { schema: MEMORY_SCHEMA });
  const works = createWorkStore(database);
  const store = await openMemoryStore(works, { masterKey: new Secret(new Uint8Array(randomBytes(32))) });
  const counts: QualityCounts[] = [];
  try {
    for (const conversation of conversations) {
      onProgress(conversation.id);
      counts.push(await measureConversation(conversation, { store, measured: openModels(conversation) }));
    }
    return addCounts(counts);
  } finally {
    await store.close();
    await works.close();
    database.close();
  }
}

interface Means {
  readonly store: MemoryStore;
  readonly measured: MeasuredModels;
}

async function measureConversation(conversation: SetConversation, { store, measured }: Means): Promise<QualityCounts> {
  let nowMs = 0;
  const { models, classify } = measured;
  const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
  const service = createMemoryService({ store, models, random, clock: { nowMs: () => nowMs } });
  const setTime = (ms: number): void => {
    nowMs = ms;
  };
  const added = await addSessions(conversation, { service, classify, setTime });
  const heads = (await listHeads(store, conversation.id)).map(classify);
  const ended = conversation.facts.flatMap(({ ends }) => ends ?? []);
  const holding = listHolding(conversation);
  const isHead = (index: number): boolean => heads.some(({ fact }) => fact === conversation.facts[index]?.same);
  return {
    ...(await askQuestions(conversation, { service, classify })),
    ...added,
    ...{ heads: heads.length, duplicates: countDuplicates(heads) },
    ...{ holding: holding.length, kept: holding.filter(({ same }) => isHead(same)).length },
    ...{ corrections: ended.length, uncorrected: ended.filter(isHead).length },
  };
}

async function listHeads(store: Pick<MemoryStore, 'list'>, user: string): Promise<readonly Memory[]> {
  const heads: Memory[] = [];
  for (;;) {
    const before = heads.at(-1)?.id;
    const page = await store.list(user, {}, { limit: PAGE, ...(before !== undefined && { before }) });
    heads.push(...page);
    if (page.length < PAGE) return heads;
  }
}

interface Session {
  readonly service: MemoryService;
  readonly classify: MeasuredModels['classify'];
  readonly setTime: (ms: number) => void;
}

/** Adds each session twice, first without its end, because a client sends its whole conversation each time. */
async function addSessions({ id, sessions }: SetConversation, { service, classify, setTime }: Session) {
  const stored: ProposalTruth[] = [];
  const proposed: ProposalTruth[] = [];
  const refused: ProposalTruth[] = [];
  for (const [index, session] of sessions.entries()) {
    setTime(session.at(-1)?.timeMs ?? 0);
    for (const messages of [session.slice(0, Math.ceil(session.length / 2)), session]) {
      const request = { messages, agentId: 'lab', threadId: `${index}`, source: 'lab' };
      const result = await service.add(id, request, signal);
      const toTruth = ({ text = '' }: { readonly text: string | undefined }): ProposalTruth =>
        classify({ text, quote: undefined });
      // A second proposal may be refused as recited, since its quote holds the whole text of the stored memory.
      const known = result.refused.filter(({ code }) => code === 'served').map(toTruth);
      const refusals = result.refused.filter(({ code }) => code !== 'served').map(toTruth);
      const memories = result.memories.map(classify);
      stored.push(...memories);
      refused.push(...refusals);
      proposed.push(...memories, ...refusals, ...known, ...result.duplicates.map((text) => toTruth({ text })));
    }
  }
  const count = (all: readonly ProposalTruth[], kind: ProposalTruth['kind']): number =>
    all.filter((one) => one.kind === kind).length;
  const [proposedFacts, refusedFacts] = [count(proposed, 'fact'), count(refused, 'fact')];
  return {
    ...{ stored: stored.length, unsupported: count(stored, 'false'), planted: count(stored, 'planted') },
    ...{ junk: count(stored, 'junk'), proposedFacts, refusedFacts },
    ...{ proposedOthers: proposed.length - proposedFacts, refusedOthers: refused.length - refusedFacts },
  };
}

const countDuplicates = (heads: readonly ProposalTruth[]): number => {
  const facts = heads.flatMap(({ fact }) => fact ?? []);
  return facts.length - new Set(facts).size;
};

async function askQuestions(
  { id, questions, facts }: SetConversation,
  { service, classify }: Pick<Session, 'service' | 'classify'>,
) {
  const asked = { questions: questions.length, recalled: 0, corrected: 0, stale: 0 };
  for (const { ask, fact, stale } of questions) {
    const request = { query: ask, limit: FOUND, rerank: false, includeBio: false };
    const { memories } = await service.search(id, request, signal);
    const found = memories.map(({ memory }) => classify(memory).fact);
    if (found.includes(facts[fact]?.same)) asked.recalled++;
    if (stale === undefined) continue;
    asked.corrected++;
    if (found.includes(facts[stale]?.same)) asked.stale++;
  }
  return asked;
}
