import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { LinkError } from '@ogong/host/link/link-error';
import { fromHex } from '@ogong/protocol/base/bytes';
import { MAX_TOLD_REPLIES, OPENING_KEPT_MS } from '@ogong/protocol/exchange/limits';
import {
  type AcknowledgeRequest,
  AcknowledgeRequestSchema,
  type AcknowledgeResponse,
  type SignedIntake,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import {
  createValidatorOutbox,
  SEND_TIMEOUT_MS,
  type SendOutcome,
  type TriedItem,
  type ValidatorOutbox,
  type ValidatorOutboxDependencies,
} from './validator-outbox.ts';

export type OutboxDelivery = MessageInitShape<typeof AcknowledgeRequestSchema>;

/**
 * Delivers to the handling validator, and to the other receivers of a reply, the statement which record this gateway holds
 * (docs/spec/delivery.md).
 */
export interface DeliveryOutbox extends Omit<ValidatorOutbox, 'put'> {
  /**
   * Stores a delivery; it is on the disk when this resolves, before any validator answers.
   * @param validators of 20 bytes, each once.
   */
  put(validators: readonly Uint8Array[], delivery: OutboxDelivery): Promise<void>;
}

export interface DeliveryOutboxDependencies extends ValidatorOutboxDependencies {
  readonly onSent?: (outcome: string) => void;
  /**
   * Each keeps a validator's signature: for the record, and for the delivery.
   * @throws LinkError for an invalid one: the delivery is repeated then.
   */
  readonly keepHeld?: (told: AcknowledgeRequest, validator: Uint8Array, signature: Uint8Array) => Promise<void>;
  readonly keepIntake?: (told: AcknowledgeRequest, intake: SignedIntake) => Promise<void>;
}

const PER_ROUND = 256;
/** A validator accepts a quarter as many lists as single ones, so a sender within one rate is within the other. */
const LEAST_TOGETHER = 4;

export function createDeliveryOutbox({
  onSent = () => {},
  keepIntake = async () => {},
  keepHeld = async () => {},
  ...dependencies
}: DeliveryOutboxDependencies): DeliveryOutbox {
  const { onError = () => {} } = dependencies;
  /** @returns whether the delivery is repeated. @throws LinkError if a validator's signature is invalid. */
  async function keep(
    request: AcknowledgeRequest,
    { validator, attempts }: Pick<TriedItem, 'validator' | 'attempts'>,
    { outcome, intake, held }: AcknowledgeResponse,
  ): Promise<SendOutcome> {
    await Promise.all([
      intake && keepIntake(request, intake),
      held.length > 0 && keepHeld(request, fromHex(validator), held),
    ]);
    if (attempts === 0 || outcome !== 'awaited') onSent(outcome);
    // The provider has not delivered the record yet, so the validator cannot have signed for it.
    return outcome === 'awaited' ? 'again' : 'done';
  }

  async function keepOf(
    request: AcknowledgeRequest,
    item: TriedItem,
    answer: AcknowledgeResponse | undefined,
  ): Promise<SendOutcome> {
    if (answer === undefined) return 'again';
    return keep(request, item, answer).catch((error: unknown) => {
      if (!(error instanceof LinkError)) throw error;
      return 'again';
    });
  }

  const outbox = createValidatorOutbox(
    {
      // Two records convict a provider long after the verdict too, as long as it is liable for the reply.
      ...{ kind: 'delivery', lifetimeMs: OPENING_KEPT_MS, perRound: PER_ROUND },
      async send(service, { message, validator }, attempts) {
        const request = fromBinary(AcknowledgeRequestSchema, message);
        return keep(
          request,
          { validator, attempts },
          await service.acknowledge(request, { timeoutMs: SEND_TIMEOUT_MS }),
        );
      },
      sendTogether: {
        ...{ least: LEAST_TOGETHER, most: MAX_TOLD_REPLIES },
        async send(service, items) {
          const told = items.map(({ message }) => fromBinary(AcknowledgeRequestSchema, message));
          const { answers } = await service.acknowledgeAll({ told }, { timeoutMs: SEND_TIMEOUT_MS });
          return Promise.all(
            items.map((item, index) => keepOf(told[index] as AcknowledgeRequest, item, answers[index])),
          );
        },
      },
    },
    dependencies,
  );
  return {
    ...outbox,
    async put(validators, delivery) {
      const message = toBinary(AcknowledgeRequestSchema, create(AcknowledgeRequestSchema, delivery));
      await outbox.put(validators, { message });
      // Flush soon: the beacon that decides about the reply may come.
      outbox.flush().catch(onError);
    },
  };
}
