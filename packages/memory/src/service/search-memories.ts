import { MemoryError } from '../memory-error.ts';
import type { FoundMemory, MemoryFilter } from '../store/memory-store.ts';
import type { ServiceMeans } from './add-memories.ts';
import { type ProfileText, readKeptProfile } from './profiles.ts';

export interface SearchRequest extends MemoryFilter {
  readonly query: string;
  /** 1 to 100. */
  readonly limit: number;
  /** Orders the result by the reranker, if there is one. */
  readonly rerank: boolean;
  readonly includeBio: boolean;
}

export interface RankedMemory extends FoundMemory {
  /** Undefined if no reranker was asked. */
  readonly rerankScore: number | undefined;
}

export interface MemorySearch {
  readonly memories: readonly RankedMemory[];
  /** The kept bio; a search never makes one. */
  readonly bio: ProfileText | undefined;
}

/** UTF-16 units. */
const MAX_QUERY = 2_000;
const MAX_LIMIT = 100;
/** Found memories for each one that is wanted, before a reranker orders them. */
const RERANKED = 4;

/** @throws MemoryError `malformed`, `too-large`; errors of store and models. */
export async function searchMemories(
  { store, models }: Pick<ServiceMeans, 'store' | 'models'>,
  { user, signal, ...request }: SearchRequest & { readonly user: string; readonly signal: AbortSignal },
): Promise<MemorySearch> {
  const { query, limit, rerank, includeBio, ...filter } = request;
  assertRequest(request);
  const { value } = await models.embed([query], signal);
  const vector = value[0] as Float32Array;
  const isRanked = rerank && models.rerank !== undefined;
  const wanted = isRanked ? Math.min(MAX_LIMIT, RERANKED * limit) : limit;
  const asked = { ...filter, text: query, vector, embeddingModel: models.names.embedding, limit: wanted };
  const found = await store.search(user, asked);
  const scores = isRanked && found.length > 0 ? await models.rerank(query, toTexts(found), signal) : undefined;
  const memories = found.map((one, index) => ({ ...one, rerankScore: scores?.value[index] }));
  if (scores !== undefined) memories.sort((a, b) => (b.rerankScore ?? 0) - (a.rerankScore ?? 0));
  const bio = includeBio ? await readKeptProfile(store, { user, part: 'bio' }) : undefined;
  return { memories: memories.slice(0, limit), bio };
}

const toTexts = (found: readonly FoundMemory[]): readonly string[] => found.map(({ memory }) => memory.text);

function assertRequest({ query, limit }: SearchRequest): void {
  if (query.length > MAX_QUERY) throw new MemoryError('too-large', `a query has at most ${MAX_QUERY} characters`);
  if (query.trim() === '' || !query.isWellFormed())
    throw new MemoryError('malformed', 'a query is text, and not empty');
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT)
    throw new MemoryError('malformed', `limit is a whole number from 1 to ${MAX_LIMIT}`);
}
