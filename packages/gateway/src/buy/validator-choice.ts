import { ApiError } from '@ogong/host/http/api-error';
import type { LinkPool } from '@ogong/host/link/link-pool';
import { type Clock, monotonicClock } from '@ogong/host/time/clock';
import type { ChainView } from '@ogong/host/views/chain-view';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { parseEpochCertificate } from '@ogong/protocol/beacon/epoch-certificate';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import { isEpochNear } from '@ogong/protocol/exchange/limits';
import { ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';

/** The validator that this gateway's orders name: the same one as long as it answers, otherwise the next. */
export interface ValidatorChoice {
  /** @throws ApiError `validator_unreachable` */
  pick(): Promise<QuorumMember>;
  /** An order under this validator failed: check that it answers before the next order. */
  doubt(): void;
  /**
   * A provider reports that this validator did not admit an order. After several such reports the next validator is asked first.
   */
  noteRefused(address: Uint8Array): void;
  /** A reply arrived whose order this validator admitted by its signature. */
  noteAdmitted(address: Uint8Array): void;
  /**
   * Whether this validator answers this gateway now, and accepts orders.
   * @param address 20 bytes; false for an unregistered one.
   */
  answers(address: Uint8Array): Promise<boolean>;
}

export interface ValidatorChoiceDependencies {
  readonly chain: Pick<ChainView, 'validators'>;
  readonly links: LinkPool;
  /** The newest known epoch, which orders name. */
  readonly latestEpoch: () => bigint;
  /** 0..1, once per process, so that gateways spread over the validators. */
  readonly random: () => number;
  /** Default: the machine's clock. */
  readonly uptime?: Clock;
}

const PROBE_TIMEOUT_MS = 3_000;
/** Refused orders in a row. Only providers report them, and one reply is tried twice with the same one. */
const MOST_REFUSED = 3;
/**
 * If all validators refuse, the fault may be this gateway's own. Each change of validator costs a deposit into another channel.
 */
const LEAVE_PAUSE_MS = 60_000;

export function createValidatorChoice({
  chain,
  links,
  latestEpoch,
  random,
  uptime = monotonicClock,
}: ValidatorChoiceDependencies): ValidatorChoice {
  const start = random();
  let chosen: QuorumMember | undefined;
  let doubted = false;
  let refused = 0;
  let leftMs = Number.NEGATIVE_INFINITY;
  const isChosen = (address: Uint8Array): boolean => chosen !== undefined && equalBytes(chosen.address, address);
  let probing: Promise<QuorumMember> | undefined;

  // An endpoint on the chain is free text: a malformed one is a failure like any other.
  const ask = async (validator: QuorumMember): Promise<void> => {
    const service = links.to(ValidatorService, validator);
    const { draining, certificate } = await service.getBeacon({ epoch: 0n }, { timeoutMs: PROBE_TIMEOUT_MS });
    if (draining) throw new Error('it admits no orders any more');
    // A validator that has just started answers before it has the newest certificate, and refuses newer orders until then.
    const [own, latest] = [certificate.length > 0 ? parseEpochCertificate(certificate).epoch : 0n, latestEpoch()];
    if (own < latest && !isEpochNear(latest, own))
      throw new Error(`it is at epoch ${own}, and orders are of ${latest}`);
  };

  async function probe(): Promise<QuorumMember> {
    const validators = chain.validators();
    const preferred = validators.findIndex(({ certHash }) => Buffer.compare(certHash, chosen?.certHash ?? EMPTY) === 0);
    const isLeft = preferred >= 0 && refused >= MOST_REFUSED && uptime.nowMs() - leftMs >= LEAVE_PAUSE_MS;
    const first = preferred >= 0 ? preferred + (isLeft ? 1 : 0) : Math.floor(start * validators.length);
    let last: unknown;
    for (let i = 0; i < validators.length; i++) {
      const validator = validators[(first + i) % validators.length] as QuorumMember;
      try {
        await ask(validator);
        if (isLeft) leftMs = uptime.nowMs();
        if (isLeft || !isChosen(validator.address)) refused = 0;
        chosen = validator;
        doubted = false;
        return validator;
      } catch (error) {
        last = error;
      }
    }
    const why = validators.length === 0 ? 'No validator is registered' : 'No registered validator answers';
    throw new ApiError('validator_unreachable', `${why}; try again later.`, { cause: last, retryAfterS: 5 });
  }

  return {
    async pick() {
      if (chosen && !doubted && isRegistered(chain.validators(), chosen)) return chosen;
      probing ??= probe().finally(() => {
        probing = undefined;
      });
      return probing;
    },
    doubt() {
      doubted = true;
    },
    noteRefused(address) {
      doubted = true;
      if (isChosen(address)) refused++;
    },
    noteAdmitted(address) {
      if (isChosen(address)) refused = 0;
    },
    async answers(address) {
      const validator = chain.validators().find((one) => equalBytes(one.address, address));
      if (validator === undefined) return false;
      return ask(validator).then(
        () => true,
        () => false,
      );
    },
  };
}

const EMPTY = new Uint8Array(0);

/** Compares registry entries, so that a validator that moved is asked again. */
function isRegistered(validators: readonly QuorumMember[], chosen: QuorumMember): boolean {
  return validators.some(
    ({ certHash, endpoint }) => endpoint === chosen.endpoint && Buffer.compare(certHash, chosen.certHash) === 0,
  );
}
