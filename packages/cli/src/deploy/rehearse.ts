import { createChainClient, type NetworkParameters } from '@ogong/chain/client';
import { type DeployedStep, deployContracts } from '@ogong/chain/deploy/deploy-contracts';
import type { Deployment } from '@ogong/chain/deployment';
import { type Address, toAddress } from '@ogong/chain/hex';
import { computeAddress, generatePrivateKey } from '@ogong/chain/keys';
import { startDevChain } from '@ogong/devnet/chain/dev-chain';
import type { NetworkPlan } from './network-file.ts';

const COIN = 10n ** 18n;

interface Rehearsal {
  readonly steps: readonly DeployedStep[];
  readonly deployment: Deployment;
  /** Read from its contracts. */
  readonly parameters: NetworkParameters;
  readonly gasUsed: bigint;
}

/**
 * Deploys the network on a local chain with the same number. So every constructor states its refusals, and the report lists the cost of
 * each contract. Addresses differ from those on the real chain.
 * @param deployer address that the plan uses if the file names none.
 */
export async function rehearse({ chainId, plan }: NetworkPlan, deployer: Address): Promise<Rehearsal> {
  const chain = await startDevChain({ chainId, blockTimeMs: 100 });
  try {
    const privateKey = generatePrivateKey();
    await chain.setBalance(computeAddress(privateKey), 1_000n * COIN);
    const steps: DeployedStep[] = [];
    const owner = plan.owner === undefined ? deployer : toAddress(plan.owner, 'owner');
    // An earlier token and its launch are not on that chain: a new one replaces them, without meaning.
    const { token: kept, launch, ...rest } = plan;
    const begun = launch !== undefined && kept === undefined && { launch };
    const deployment = await deployContracts(
      { ...rest, ...begun, owner, chainId, rpcUrl: chain.rpcUrl, privateKey },
      { onStep: (step) => void (kept !== undefined && step.what === 'token' ? undefined : steps.push(step)) },
    );
    const { parameters } = await createChainClient({ rpcUrl: chain.rpcUrl, deployment });
    return {
      steps,
      deployment,
      parameters: await parameters(),
      gasUsed: steps.reduce((sum, { gasUsed }) => sum + gasUsed, 0n),
    };
  } finally {
    await chain.stop();
  }
}
