import { toHex } from '@ogong/protocol/base/bytes';
import type { TestValidator } from '@ogong/testing/validator/test-bench';
import type { createFour } from '@ogong/testing/validator/test-four';
import type { TestReply } from '@ogong/testing/validator/test-reply';
import type { Breaks } from './breaks.ts';

/** Beside the one of `createFour`. */
const VERIFIERS = ['v2', 'v3', 'v4'];

export interface AuditedReplies {
  readonly replies: number;
  /** Those that its verifiers know, by their ids. */
  readonly served: Map<string, TestReply>;
}

/** The attacked validator of four takes so many replies in, and audits them all. */
export async function auditByFour(
  { own, certifyAll }: Awaited<ReturnType<typeof createFour>>,
  { replies, served }: AuditedReplies,
  breaks: Breaks,
): Promise<void> {
  for (const name of VERIFIERS) await own.announceVerifier(name);
  for (let i = 0; i < replies; i++) {
    const reply = await own.deliver(i);
    served.set(toHex(reply.reply.record.replyId), reply);
  }
  await breaks.take();
  await certifyAll();
  // So many audits run at a time, and each waits for its honeypot.
  for (let i = 0; own.decided.length < replies && i < replies; i++) await own.runAudits();
}

/** It proposes batches until its log is empty, or nobody signs any more. */
export async function settleReplies(own: TestValidator, replies: number, breaks: Breaks): Promise<void> {
  for (let step = 0; step < 2 * replies; step++) {
    await breaks.take();
    if (!(await own.settlement.step().catch(() => false))) break;
  }
}
