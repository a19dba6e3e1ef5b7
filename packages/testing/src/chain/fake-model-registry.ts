import { ChainError } from '@ogong/chain/errors';
import { type Address, type Hex, toHex } from '@ogong/chain/hex';
import type {
  ModelDescription,
  ModelRegistryReads,
  ModelRegistryWrites,
  ModelVersion,
  RegistryName,
} from '@ogong/chain/registry/model-registry';

export type ModelRegistryClient = ModelRegistryReads & ModelRegistryWrites;

interface StoredVersion {
  readonly description: ModelDescription;
  readonly from: bigint;
  until: bigint | undefined;
}

const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;

function refuse(name: string): never {
  throw new ChainError('reverted', `refused with ${name}()`, { revert: { name, args: [] } });
}

/** The rules of the model registry in memory, without checks of fees and texts. */
export function createFakeModelRegistry({ noticeSeconds = 0n, nowSeconds = 1_000n } = {}) {
  const owners = new Map<string, Address>();
  const heirs = new Map<string, Address>();
  const models = new Map<string, StoredVersion[]>();
  /** Owners of weights. The first claim wins here, because nobody comes between an announcement and its claim. */
  const makers = new Map<string, string>();
  const clock = { nowSeconds };
  const state = { isDown: false, reads: 0 };
  const keyOf = ({ maker, model }: RegistryName): string => `${maker}/${model}`;
  const toVersion = ({ description, from, until }: StoredVersion): ModelVersion => ({ ...description, from, until });
  const find = (versions: readonly StoredVersion[], time: bigint): StoredVersion | undefined =>
    versions.findLast(({ from, until }) => from <= time && (until === undefined || time < until));

  function dropPending(versions: StoredVersion[]): boolean {
    const last = versions.at(-1) as StoredVersion;
    if (last.from <= clock.nowSeconds) return false;
    versions.pop();
    return true;
  }

  function read<T>(value: () => T): Promise<T> {
    state.reads++;
    return state.isDown
      ? Promise.reject(new ChainError('rpc-unreachable', 'the chain is down'))
      : Promise.resolve().then(value);
  }

  function connect(own: Address): ModelRegistryClient {
    const assertOwner = (maker: string): void => void (owners.get(maker) === own || refuse('NotOwner'));
    return {
      now: () => read(() => clock.nowSeconds),
      makerOwner: (maker) => read(() => owners.get(maker)),
      makerOf: (root) => read(() => owners.get(makers.get(toHex(root, 'modelRoot', 32)) ?? '')),
      makerFee: () => read(() => 1n),
      modelVersionAt: (name, time) =>
        read(() => {
          const found = find(models.get(keyOf(name)) ?? [], time);
          return found && toVersion(found);
        }),
      modelVersions: (name) => read(() => (models.get(keyOf(name)) ?? []).map(toVersion)),
      listModels: (limit) =>
        read(() =>
          [...models.keys()].slice(0, limit).map((key) => {
            const [maker = '', model = ''] = key.split('/');
            return { maker, model };
          }),
        ),
      async claimMaker(maker) {
        if (!NAME.test(maker)) refuse('BadName');
        if (owners.has(maker)) refuse('MakerTaken');
        owners.set(maker, own);
      },
      async offerMaker(maker, to) {
        assertOwner(maker);
        heirs.set(maker, to as Hex);
      },
      async acceptMaker(maker) {
        if (heirs.get(maker) !== own) refuse('NotOffered');
        heirs.delete(maker);
        owners.set(maker, own);
      },
      async claimWeights(maker, modelRoot) {
        const root = toHex(modelRoot, 'modelRoot', 32);
        const before = owners.get(makers.get(root) ?? '');
        if (before === own) return;
        assertOwner(maker);
        if (/^0x0*$/.test(root)) refuse('ZeroRoot');
        if (before !== undefined) refuse('RootTaken');
        makers.set(root, maker);
      },
      async publishModel(name, description, from = 0n) {
        assertOwner(name.maker);
        if (!NAME.test(name.model)) refuse('BadName');
        if (/^0x0*$/.test(description.modelRoot)) refuse('ZeroRoot');
        const versions = models.get(keyOf(name));
        if (versions === undefined) {
          models.set(keyOf(name), [{ description, from: clock.nowSeconds, until: undefined }]);
          return;
        }
        const earliest = clock.nowSeconds + noticeSeconds;
        const start = from < earliest ? earliest : from;
        dropPending(versions);
        const before = versions.at(-1) as StoredVersion;
        if (before.until === undefined || before.until > clock.nowSeconds) before.until = start;
        versions.push({ description, from: start, until: undefined });
      },
      async revokeModel(name) {
        assertOwner(name.maker);
        const versions = models.get(keyOf(name)) ?? refuse('NothingToRevoke');
        const hadPending = dropPending(versions);
        const current = versions.at(-1) as StoredVersion;
        const isInForce = current.until === undefined || current.until > clock.nowSeconds;
        if (!isInForce && !hadPending) refuse('NothingToRevoke');
        if (isInForce) current.until = clock.nowSeconds;
      },
    };
  }

  return { connect, clock, state };
}
