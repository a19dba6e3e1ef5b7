import type { ReceiptVerdict } from '@ogong/sdk';
import { asFields, asList } from '../../data/json-fields.ts';
import type { JsonCall } from '../gateway-call.ts';
import {
  asMemoryId,
  type CallName,
  type KnownMemory,
  type PanelCounts,
  type PanelProfile,
  type ProvenCall,
  parseCalls,
  parseMemory,
  parseProfile,
  parseRecalled,
  parseStats,
  type RecalledMemory,
} from './parse-memory.ts';

/** Messages that become memories. */
export interface SaidTurn {
  readonly question: string;
  readonly answer: string;
  /** ISO 8601. */
  readonly at: string;
}

/** The memories that the user wants to see. */
export interface PanelFilter {
  /** Finds memories by meaning and words; empty: all of them, the newest first. */
  readonly query: string;
  /** Empty: all of them. */
  readonly type: string;
  /** Empty: all of them. */
  readonly category: string;
  /** Shows the memories of the end of this day in UTC, as `2026-05-08`; empty: those of today. */
  readonly day: string;
}

export const NO_FILTER: PanelFilter = { query: '', type: '', category: '', day: '' };

const ROOT = '/v1/memories';
const PAGE_SIZE = 50;
/** The most memories that go with a question. */
const RECALLED = 8;

/** The calls of the panel. */
export type PanelMemories = ReturnType<typeof createMemoryClient> & {
  /** Checks the receipt of a call in this browser. */
  checkCall(call: ProvenCall): Promise<ReceiptVerdict>;
};

/**
 * The memories of the caller at its gateway.
 * @param call sends a request with the key. Each function throws its errors, and TypeError for an answer of another form.
 */
export function createMemoryClient(call: (asked: JsonCall) => Promise<unknown>) {
  const readProof = (id: string, signal?: AbortSignal) =>
    call({ method: 'GET', path: `${toPath(id)}/proof`, ...(signal && { signal }) });
  const search = async (body: object, signal?: AbortSignal) => {
    const asked = { include_bio: false, ...body };
    const path = `${ROOT}/search`;
    return asList(asFields(await call({ method: 'POST', path, body: asked, ...(signal && { signal }) })).memories);
  };
  return {
    /** The newest first. @param before id of the last one that is known. */
    async list(
      { type, category, day }: PanelFilter,
      before?: string,
    ): Promise<{ readonly memories: readonly KnownMemory[]; readonly hasMore: boolean }> {
      const query = new URLSearchParams({
        limit: String(PAGE_SIZE),
        ...(before !== undefined && { before }),
        ...(category !== '' && { category }),
        ...toFields({ type, day }),
      });
      const fields = asFields(await call({ method: 'GET', path: `${ROOT}?${query}` }));
      return { memories: asList(fields.memories).map(parseMemory), hasMore: fields.has_more === true };
    },
    async search({ query, type, category, day }: PanelFilter): Promise<readonly KnownMemory[]> {
      const categories = category === '' ? {} : { categories: [category] };
      return (await search({ query, limit: PAGE_SIZE, ...categories, ...toFields({ type, day }) })).map(parseMemory);
    },
    recall: async (query: string, signal: AbortSignal): Promise<readonly RecalledMemory[]> =>
      (await search({ query, limit: RECALLED }, signal)).map(parseRecalled),
    /** @returns the texts of the new memories. */
    async remember({ question, answer, at }: SaidTurn): Promise<readonly string[]> {
      const messages = [
        { role: 'user', content: question, created_at: at },
        { role: 'assistant', content: answer, created_at: at },
      ];
      const added = asFields(await call({ method: 'POST', path: ROOT, body: { messages, source: 'chat' } }));
      return asList(added.memories).map((memory) => parseMemory(memory).text);
    },
    edit: async (id: string, text: string): Promise<KnownMemory> =>
      parseMemory(await call({ method: 'PATCH', path: toPath(id), body: { content: text } })),
    forget: async (id: string): Promise<void> => void (await call({ method: 'DELETE', path: toPath(id) })),
    /** The memory first, then those that it replaced. */
    history: async (id: string): Promise<readonly KnownMemory[]> =>
      asList(asFields(await call({ method: 'GET', path: `${toPath(id)}/history` })).memories).map(parseMemory),
    readCalls: async (id: string): Promise<Readonly<Record<CallName, ProvenCall | undefined>>> =>
      parseCalls(await readProof(id)),
    count: async (): Promise<PanelCounts> =>
      parseStats(await call({ method: 'GET', path: '/v1/profile?include=stats' })),
    /** Reads the texts about the user. A model makes those that are out of date. */
    readProfile: async (): Promise<PanelProfile> =>
      parseProfile(await call({ method: 'GET', path: '/v1/profile?include=bio,categories' })),
    /** The memory with its vector and its calls, as the gateway sends it. */
    readProof,
    /** Stores a memory of an export. @param proof as `readProof` returns it. @returns whether it was new. */
    async import(proof: object, signal: AbortSignal): Promise<boolean> {
      const path = `${ROOT}/import`;
      return asFields(await call({ method: 'POST', path, body: proof, signal })).outcome === 'imported';
    },
  };
}

const toPath = (id: string): string => `${ROOT}/${asMemoryId(id)}`;

/** Fields that a list and a search share. */
const toFields = ({ type, day }: Pick<PanelFilter, 'type' | 'day'>) => ({
  ...(type !== '' && { type }),
  ...(day !== '' && { as_of: `${day}T23:59:59.999Z` }),
});
