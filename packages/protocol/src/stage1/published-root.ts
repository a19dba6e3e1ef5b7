import { equalBytes, ProtocolError } from '../base/bytes.ts';
import { type Order, parseOrder } from '../exchange/order.ts';
import { computeOrderSpan, type TimeSpan } from '../exchange/order-span.ts';
import { parseTicket } from '../exchange/ticket.ts';
import type { Receipt } from './receipt.ts';
import type { Trust } from './trust.ts';

/** Weights under a name, in force from `fromMs` on and before `untilMs`. */
export interface PublishedRoot {
  readonly modelRoot: Uint8Array;
  readonly fromMs: number;
  /** Undefined while no end is known. */
  readonly untilMs: number | undefined;
}

/**
 * Finds the roots that were in force under a name at some time of a span. It may return a promise. Undefined if that cannot be
 * looked up.
 */
export type FindModelRoots = (
  modelId: string,
  span: TimeSpan,
) => readonly Uint8Array[] | undefined | Promise<readonly Uint8Array[] | undefined>;

export function listRootsInForce(versions: readonly PublishedRoot[], { fromMs, toMs }: TimeSpan): Uint8Array[] {
  return versions
    .filter((version) => version.fromMs <= toMs && (version.untilMs === undefined || version.untilMs > fromMs))
    .map(({ modelRoot }) => modelRoot);
}

/**
 * Adds the root of a receipt's model to the reader's trust, as it was in force when the reply was ordered. A root from the
 * reader takes precedence. Without a published root nothing is added, and `model-root` is skipped.
 */
export async function addPublishedRoot(trust: Trust, receipt: Receipt, find: FindModelRoots): Promise<Trust> {
  let modelId: string;
  let order: Order;
  try {
    ({ modelId } = parseTicket(receipt.ticket.bytes));
    order = parseOrder(receipt.order.bytes);
  } catch (error) {
    // The checks will report it.
    if (error instanceof ProtocolError) return trust;
    throw error;
  }
  return addRootInForce(trust, { modelId, modelRoot: order.modelRoot, span: computeOrderSpan(order) }, find);
}

/** Adds the same for offered weights, before anything is ordered. */
export async function addRootInForce(
  trust: Trust,
  { modelId, modelRoot, span }: { readonly modelId: string; readonly modelRoot: Uint8Array; readonly span: TimeSpan },
  find: FindModelRoots,
): Promise<Trust> {
  if (trust.modelRoots !== undefined && Object.hasOwn(trust.modelRoots, modelId)) return trust;
  const roots = (await find(modelId, span)) ?? [];
  const published = roots.find((root) => equalBytes(root, modelRoot)) ?? roots[0];
  return published === undefined ? trust : { ...trust, modelRoots: { ...trust.modelRoots, [modelId]: published } };
}
