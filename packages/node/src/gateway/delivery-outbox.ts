import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { fromHex } from '@ogong/protocol/base/bytes';
import { OPENING_KEPT_MS } from '@ogong/protocol/exchange/limits';
import {
  type AcknowledgeRequest,
  AcknowledgeRequestSchema,
  type SignedIntake,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import {
  createValidatorOutbox,
  SEND_TIMEOUT_MS,
  type ValidatorOutbox,
  type ValidatorOutboxDependencies,
} from './validator-outbox.ts';

export type OutboxDelivery = MessageInitShape<typeof AcknowledgeRequestSchema>;

/** Tells each handling validator, and the hearers of the reply, which record this gateway holds (docs/spec/delivery.md). */
export interface DeliveryOutbox extends Omit<ValidatorOutbox, 'put'> {
  /** On the disk when it resolves; nobody waits for the validators. @param validators of 20 bytes, each once. */
  put(validators: readonly Uint8Array[], delivery: OutboxDelivery): Promise<void>;
}

export interface DeliveryOutboxDependencies extends ValidatorOutboxDependencies {
  readonly onSent?: (outcome: string) => void;
  /** Each keeps a validator's word: for the record, and for the delivery. @throws LinkError where it is none: then it is asked again. */
  readonly keepHeld?: (told: AcknowledgeRequest, validator: Uint8Array, signature: Uint8Array) => Promise<void>;
  readonly keepIntake?: (told: AcknowledgeRequest, intake: SignedIntake) => Promise<void>;
}

const PER_ROUND = 256;

export function createDeliveryOutbox({
  onSent = () => {},
  keepIntake = async () => {},
  keepHeld = async () => {},
  ...dependencies
}: DeliveryOutboxDependencies): DeliveryOutbox {
  const { onError = () => {} } = dependencies;
  const outbox = createValidatorOutbox(
    {
      // Two records convict a provider long after the verdict too, while it still has to answer for the reply.
      ...{ kind: 'delivery', lifetimeMs: OPENING_KEPT_MS, perRound: PER_ROUND },
      async send(service, { message, validator }, attempts) {
        const request = fromBinary(AcknowledgeRequestSchema, message);
        const { outcome, intake, held } = await service.acknowledge(request, { timeoutMs: SEND_TIMEOUT_MS });
        await Promise.all([
          intake && keepIntake(request, intake),
          held.length > 0 && keepHeld(request, fromHex(validator), held),
        ]);
        if (attempts === 0 || outcome !== 'awaited') onSent(outcome);
        // The provider has not handed the record in yet, so the validator cannot have signed for it.
        return outcome === 'awaited' ? 'again' : 'done';
      },
    },
    dependencies,
  );
  return {
    ...outbox,
    async put(validators, delivery) {
      const message = toBinary(AcknowledgeRequestSchema, create(AcknowledgeRequestSchema, delivery));
      await Promise.all(validators.map((validator) => outbox.put(validator, { message })));
      // The beacon that decides about the reply may come soon.
      outbox.flush().catch(onError);
    },
  };
}
