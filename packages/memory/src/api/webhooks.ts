import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { createCheckedFetch, type FetchFile } from '@ogong/host/http/checked-fetch';
import { signWebhook } from '@ogong/host/http/webhook';
import { isPublicAddress } from '@ogong/host/link/public-address';
import { systemClock } from '@ogong/host/time/clock';
import type { Webhook } from '../service/webhook-note.ts';

/** An event has ids and counts, never a text of a memory. */
export interface MemoryEvent {
  readonly type: 'memories.added' | 'import.ended';
  readonly data: Readonly<Record<string, unknown>>;
}

export interface WebhookSenderOptions {
  /** Default: calls public addresses alone, and follows no redirect. */
  readonly post?: FetchFile;
  /** Before each further try, ms. */
  readonly pausesMs?: readonly number[];
}

export interface WebhookSender {
  /** Sends an event, with further tries. It never rejects. An event is dropped if too many others wait, or after the last try. */
  send(webhook: Webhook, event: MemoryEvent, signal: AbortSignal | undefined): Promise<void>;
}

const PAUSES_MS = [1_000, 10_000, 60_000];
const PATIENCE_MS = 10_000;
/** Events that wait, of all users. */
const MAX_WAITING = 256;

export function createWebhookSender({
  post = createCheckedFetch({ isAllowed: isPublicAddress }),
  pausesMs = PAUSES_MS,
}: WebhookSenderOptions = {}): WebhookSender {
  let waiting = 0;
  return {
    async send(webhook, event, signal) {
      if (waiting >= MAX_WAITING) return;
      waiting++;
      try {
        const sent = { id: `evt_${randomUUID()}`, body: writeBody(event) };
        for (const pauseMs of [0, ...pausesMs]) {
          if (pauseMs > 0) await delay(pauseMs, undefined, { signal });
          if (await postOnce(post, webhook, sent, signal)) return;
        }
      } catch {
        // The server stops.
      } finally {
        waiting--;
      }
    },
  };
}

const writeBody = ({ type, data }: MemoryEvent): string =>
  JSON.stringify({ type, timestamp: new Date(systemClock.nowMs()).toISOString(), data });

async function postOnce(
  post: FetchFile,
  { url, secret }: Webhook,
  { id, body }: { readonly id: string; readonly body: string },
  stopping: AbortSignal | undefined,
): Promise<boolean> {
  const late = AbortSignal.timeout(PATIENCE_MS);
  const headers = {
    'content-type': 'application/json',
    ...signWebhook(secret, { id, nowMs: systemClock.nowMs(), body }),
  };
  try {
    const response = await post(url, { headers, body, signal: stopping ? AbortSignal.any([stopping, late]) : late });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}
