import type { Address } from '@ogong/chain/hex';
import type {
  ModelDescription,
  ModelRegistryReads,
  ModelRegistryWrites,
  RegistryName,
} from '@ogong/chain/registry/model-registry';
import { createFakeModelRegistry } from '@ogong/testing/chain/fake-model-registry';
import { describeWeights } from '@ogong/testing/chain/model-registry-compliance';
import { defineAttack } from '../define-attack.ts';

interface NamedMarket {
  /** The attacker's account. It can pay the fee. */
  readonly account: { readonly address: Address; readonly client: ModelRegistryReads & ModelRegistryWrites };
  /** A name that belongs to its maker, and that consumers ask for. */
  readonly name: RegistryName;
  /** The cheap weights. */
  readonly own: ModelDescription;
}

/** How each of its calls ended: `done`, or the name of what the contract refused with. */
export type SquatOutcome = Readonly<Record<'claim' | 'publish' | 'revoke' | 'accept' | 'lookalike', string>>;

/** How the attempts to get at a name ended. */
export function describeSquatted(name: RegistryName, { lookalike, ...calls }: SquatOutcome) {
  return {
    tried: `claimed the name ${name.maker}, published weights under it, revoked its weights, and took it over`,
    answered: [
      ...Object.entries(calls).map(([call, end]) => `${call}: ${end}`),
      `a name of its own that looks alike: ${lookalike}`,
    ],
    money: 'fees of the name that it got, as everybody pays them',
    worked: Object.values(calls).includes('done'),
  };
}

/** Tries each way to a name that the registry has. The look-alike is free to take; it is another name. */
export const nameSquatter = defineAttack({
  name: 'name-squatter',
  adversary: "stranger that claims a maker's name",
  aim: "Cheap weights bear a known maker's name: every party that checks replies by the registry accepts them.",
  stoppedBy: 'A name belongs to its first claimant, for a fee, and new weights come with notice',
  restarts: { none: 'the chain keeps names, and no daemon does' },
  async play({ account: { client }, name, own }: NamedMarket) {
    const tried = async (call: Promise<unknown>): Promise<string> =>
      call.then(
        () => 'done',
        (error) => error.revert?.name ?? 'failed',
      );
    const lookalike = `${name.maker}-`;
    return {
      claim: await tried(client.claimMaker(name.maker)),
      publish: await tried(client.publishModel(name, own)),
      revoke: await tried(client.revokeModel(name)),
      accept: await tried(client.acceptMaker(name.maker)),
      lookalike: await tried(
        client.claimMaker(lookalike).then(() => client.publishModel({ ...name, maker: lookalike }, own)),
      ),
    };
  },
  async stage({ play }) {
    const registry = createFakeModelRegistry();
    const name = { maker: 'acme', model: 'large' };
    const maker = registry.connect(`0x${'01'.repeat(20)}`);
    await maker.claimMaker(name.maker);
    await maker.publishModel(name, describeWeights('aa'));
    const address = `0x${'02'.repeat(20)}` as const;
    const account = { address, client: registry.connect(address) };
    return describeSquatted(name, await play({ account, name, own: describeWeights('bb') }));
  },
});
