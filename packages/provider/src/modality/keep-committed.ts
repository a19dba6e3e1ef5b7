import { create } from '@bufbuild/protobuf';
import type { SignedProgress } from '@ogong/protocol/exchange/progress';
import { PushRecordRequestSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { ShownExchange } from '@ogong/protocol/tier/proxied';
import type { AcceptedOrder, CommittedReply, KeptBill, ServeContext } from './order-job.ts';

/**
 * Makes a committed reply durable, and due at its validator.
 * @returns record, evidence and agreement as they go over the wire.
 */
export async function keepCommitted(
  { signedOrder, body, endpoint }: Pick<AcceptedOrder<unknown>, 'signedOrder' | 'body' | 'endpoint'>,
  {
    feeAtomic,
    owedAtomic,
    isWithheld,
    progress,
    exchange,
    ...committed
  }: CommittedReply &
    KeptBill & {
      readonly progress?: SignedProgress | undefined;
      readonly exchange?: ShownExchange | undefined;
    },
  {
    signer,
    payeeWord,
    cohort,
    keep,
    makeEvidence,
  }: Pick<ServeContext, 'signer' | 'payeeWord' | 'cohort' | 'keep' | 'makeEvidence'>,
) {
  const { record, signature, header, headerProof, response } = committed;
  const signedRecord = { record, providerKey: signer.publicKey, signature };
  const evidence = await makeEvidence(record, exchange);
  const push = create(PushRecordRequestSchema, {
    ...{ order: signedOrder, record: signedRecord, header, headerProof: [...headerProof] },
    ...{ request: body, endpoint, response, payeeWord, cohort, evidence },
    ...(progress && { progress }),
  });
  await keep(committed, push, { feeAtomic, owedAtomic, isWithheld });
  return { record: signedRecord, evidence, cohort };
}
