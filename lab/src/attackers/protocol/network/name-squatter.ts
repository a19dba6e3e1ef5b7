import type { Address } from '@ogong/chain/hex';
import type {
  ModelDescription,
  ModelRegistryReads,
  ModelRegistryWrites,
  RegistryName,
} from '@ogong/chain/registry/model-registry';
import type { ProtocolAttack } from '../attack.ts';

export interface NamedMarket {
  /** The attacker's account. It can pay the fee. */
  readonly account: { readonly address: Address; readonly client: ModelRegistryReads & ModelRegistryWrites };
  /** A name that belongs to its maker, and that consumers ask for. */
  readonly name: RegistryName;
  /** The cheap weights. */
  readonly own: ModelDescription;
}

/** How each of its calls ended: `done`, or the name of what the contract refused with. */
export type SquatOutcome = Readonly<Record<'claim' | 'publish' | 'revoke' | 'accept' | 'lookalike', string>>;

/** Tries each way to a name that the registry has. The look-alike is free to take; it is another name. */
export const nameSquatter: ProtocolAttack<NamedMarket, Promise<SquatOutcome>> = {
  name: 'name-squatter',
  adversary: "stranger that claims a maker's name",
  aim: "Cheap weights bear a known maker's name: everybody who holds replies against the registry takes them.",
  stoppedBy: 'A name belongs to its first claimant, for a fee, and new weights come with notice',
  restarts: { none: 'the chain keeps names, and no daemon does' },
  async play({ account: { client }, name, own }) {
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
};
