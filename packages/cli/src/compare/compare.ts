import {
  advanceComparison,
  type ComparisonState,
  type ComparisonTerms,
  type ComparisonVerdict,
  createComparison,
  decideComparison,
  type ReplyDistances,
} from './decide.ts';
import type { TestedEndpoint } from './endpoint.ts';
import { computeReplyDistance, FARTHEST } from './listing.ts';
import type { Reference } from './party.ts';
import { drawPrompts } from './prompts.ts';

export interface EndpointComparison {
  readonly verdict: ComparisonVerdict;
  readonly state: ComparisonState;
  /** Of each reply, in order. */
  readonly distances: readonly ReplyDistances[];
}

export interface CompareOptions extends ComparisonTerms {
  readonly seed: string;
  /** The most replies to request. */
  readonly budget: number;
  readonly onReply?: (comparison: EndpointComparison) => void;
}

/**
 * Asks the endpoint until it is certain which of the references it serves, if any, or until the budget is spent.
 * @param references models that it is compared with; the first is the claimed one.
 * @throws CompareError, EngineError
 */
export async function compareEndpoint(
  endpoint: TestedEndpoint,
  references: readonly Reference[],
  { seed, budget, onReply, ...terms }: CompareOptions,
): Promise<EndpointComparison> {
  let comparison: EndpointComparison = {
    verdict: { kind: 'undecided' },
    state: createComparison(references.length),
    distances: [],
  };
  const prompts = drawPrompts(seed);
  for (let asked = 0; asked < budget && !isFinal(comparison.verdict); asked++) {
    const measured = await measureReply(endpoint, references, prompts.next().value);
    const state = advanceComparison(comparison.state, measured, terms);
    comparison = {
      verdict: decideComparison(state, terms),
      state,
      distances: [...comparison.distances, measured],
    };
    onReply?.(comparison);
  }
  return comparison;
}

const isFinal = (verdict: ComparisonVerdict): boolean =>
  verdict.kind === 'unknown' ? verdict.isFinal : verdict.kind !== 'undecided';

async function measureReply(
  endpoint: TestedEndpoint,
  references: readonly Reference[],
  prompt: Parameters<TestedEndpoint['ask']>[0],
): Promise<ReplyDistances> {
  const reply = await endpoint.ask(prompt);
  const lists = await Promise.all(references.map((reference) => reference.list(reply)));
  const all = reply.listings.map((_, at) => at);
  const shared = all.filter((at) => lists.every((list) => list[at] !== undefined));
  // Another tokenizer: no position of the reply is a position of the reference.
  const positions = shared.length > 0 ? shared : all;
  const measure = (a: Parameters<typeof computeReplyDistance>[0], b: typeof a): number =>
    computeReplyDistance(a, b, positions) ?? FARTHEST;
  return {
    toReference: lists.map((list) => measure(reply.listings, list)),
    between: lists.map((one) => lists.map((other) => (one === other ? 0 : measure(one, other)))),
  };
}
