import { createHmac } from 'node:crypto';
import type { Secret } from '../crypto/secret.ts';

export interface WebhookEvent {
  /** The same for each try, so that a receiver knows one that it has. */
  readonly id: string;
  /** Unix time, ms. */
  readonly nowMs: number;
  readonly body: string;
}

/** Headers of an event, signed as Standard Webhooks do. @param secret of `readWebhookSecret`'s form. */
export function signWebhook(
  secret: Secret<string>,
  { id, nowMs, body }: WebhookEvent,
): Readonly<Record<`webhook-${'id' | 'timestamp' | 'signature'}`, string>> {
  const timestamp = `${Math.floor(nowMs / 1000)}`;
  const digest = createHmac('sha256', readWebhookSecret(secret.reveal()) ?? '')
    .update(`${id}.${timestamp}.${body}`)
    .digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${digest}` };
}

/** @returns the key; undefined where the text is no secret of a webhook: `whsec_` and the base64 of 24 to 64 bytes. */
export function readWebhookSecret(secret: string): Uint8Array | undefined {
  const [, encoded] = /^whsec_([A-Za-z0-9+/]{32,88}={0,2})$/.exec(secret) ?? [];
  const key = encoded === undefined ? undefined : Buffer.from(encoded, 'base64');
  return key && key.length >= 24 && key.length <= 64 ? key : undefined;
}
