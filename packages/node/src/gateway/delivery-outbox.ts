import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { OPENING_KEPT_MS } from '@ogong/protocol/exchange/limits';
import { AcknowledgeRequestSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import {
  createValidatorOutbox,
  SEND_TIMEOUT_MS,
  type ValidatorOutbox,
  type ValidatorOutboxDependencies,
} from './validator-outbox.ts';

export type OutboxDelivery = MessageInitShape<typeof AcknowledgeRequestSchema>;

/** Tells each handling validator which record this gateway holds (docs/spec/delivery.md). */
export interface DeliveryOutbox extends Omit<ValidatorOutbox, 'put'> {
  /** On the disk when it resolves; nobody waits for the validator. @param validator 20 bytes. */
  put(validator: Uint8Array, delivery: OutboxDelivery): Promise<void>;
}

export interface DeliveryOutboxDependencies extends ValidatorOutboxDependencies {
  readonly onSent?: (outcome: string) => void;
}

const PER_ROUND = 256;

export function createDeliveryOutbox({
  onSent = () => {},
  ...dependencies
}: DeliveryOutboxDependencies): DeliveryOutbox {
  const { onError = () => {} } = dependencies;
  const outbox = createValidatorOutbox(
    {
      // Two records convict a provider long after the verdict too, while it still has to answer for the reply.
      ...{ kind: 'delivery', lifetimeMs: OPENING_KEPT_MS, perRound: PER_ROUND },
      async send(service, { message }) {
        const { outcome } = await service.acknowledge(fromBinary(AcknowledgeRequestSchema, message), {
          timeoutMs: SEND_TIMEOUT_MS,
        });
        onSent(outcome);
        return 'done';
      },
    },
    dependencies,
  );
  return {
    ...outbox,
    async put(validator, delivery) {
      await outbox.put(validator, {
        message: toBinary(AcknowledgeRequestSchema, create(AcknowledgeRequestSchema, delivery)),
      });
      // The beacon that decides about the reply may come soon.
      outbox.flush().catch(onError);
    },
  };
}
