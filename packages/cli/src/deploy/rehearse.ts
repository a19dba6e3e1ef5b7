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
  /** As its contracts tell them. */
  readonly parameters: NetworkParameters;
  readonly gasUsed: bigint;
}

/**
 * Deploys the network on a chain of this machine that has the same number, so that every constructor says what it would refuse, and tells
 * what each contract takes. Addresses differ from those on the real chain.
 * @param deployer whose address the plan takes where the file names nobody.
 */
export async function rehearse({ chainId, plan }: NetworkPlan, deployer: Address): Promise<Rehearsal> {
  const chain = await startDevChain({ chainId, blockTimeMs: 100 });
  try {
    const privateKey = generatePrivateKey();
    await chain.setBalance(computeAddress(privateKey), 1_000n * COIN);
    const steps: DeployedStep[] = [];
    const owner = plan.owner === undefined ? deployer : toAddress(plan.owner, 'owner');
    // A token of before is not on that chain, nor is its launch: a new one stands for it, and counts for nothing.
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
