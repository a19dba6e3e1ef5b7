import { Secret } from '@ogong/host/crypto/secret';
import { z } from 'zod';
import type { MemoryStore } from '../store/memory-store.ts';

/** Receiver of a user's events. */
export interface Webhook {
  readonly url: string;
  /** `whsec_` and base64, as in Standard Webhooks. */
  readonly secret: Secret<string>;
}

const NAME = 'webhook';
const NOTE = z.strictObject({ url: z.string(), secret: z.string() });

export async function readWebhook(store: Pick<MemoryStore, 'readNote'>, user: string): Promise<Webhook | undefined> {
  const note = await store.readNote(user, NAME);
  if (note === undefined) return undefined;
  const { url, secret } = NOTE.parse(JSON.parse(note));
  return { url, secret: new Secret(secret) };
}

export const writeWebhook = (
  store: Pick<MemoryStore, 'writeNote'>,
  user: string,
  webhook: Webhook | undefined,
): Promise<void> =>
  store.writeNote(user, NAME, webhook && JSON.stringify({ url: webhook.url, secret: webhook.secret.reveal() }));
