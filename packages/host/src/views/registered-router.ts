import type { RouterRegistration } from '@ogong/chain/registry/router-reads';
import { fromHex } from '@ogong/protocol/base/bytes';
import type { RegisteredRouter } from '@ogong/protocol/stage1/registered-router';

/** A router's registration with times in milliseconds. */
export function toRegisteredRouter({ ticketKey, since, until }: RouterRegistration): RegisteredRouter {
  return {
    ticketKey: fromHex(ticketKey.slice(2), 32),
    sinceMs: Number(since) * 1_000,
    untilMs: until === 0n ? undefined : Number(until) * 1_000,
  };
}
