// The chain of a network in namespaces, which must run where its daemons find it. Its one argument is a NatChainTask. It prints
// `ready` once the ledger serves daemons with keys in folders of that directory, and runs until it is killed.
import { defaultLimits } from '@ogong/chain/deploy/deploy';
import { startDevChain } from '@ogong/devnet/chain/dev-chain';
import { loadMeshIdentity, loadMeshValidator } from '@ogong/devnet/mesh/mesh-identities';
import { OGONG, prepareLedger } from '@ogong/devnet/mesh/mesh-ledger';
import { resolveModel } from '@ogong/engine/resolve-model';
import { readGgufHeader } from '@ogong/models/gguf/read';
import { hashTokenizer } from '@ogong/models/gguf/tokenizer-hash';

export interface NatChainTask {
  readonly host: string;
  readonly port: number;
  readonly directory: string;
  readonly deploymentFile: string;
  readonly validatorEndpoint: string;
  /** Folder of the provider that holds a stake. */
  readonly provider: string;
  /** A GGUF file, and the id under which it is published. */
  readonly model: string;
  readonly modelId: string;
}

const { host, port, directory, model, ...task } = JSON.parse(process.argv[2] ?? '') as NatChainTask;
const account = async (name: string) => ({ ...(await loadMeshIdentity(directory, name)), name });
const [deployer, maker, payer, router] = [
  await account('deployer'),
  await account('maker'),
  await account('gateway'),
  await account('router'),
];
const validator = await loadMeshValidator(directory, 'validator');
const { modelRoot: root } = await resolveModel(`file:${model}`, { storeDir: directory });
const depositAtomic = 1_000n * OGONG;
await prepareLedger(
  {
    ...{ deployer, maker },
    recipients: { verification: maker.address, treasury: deployer.address, license: payer.address },
    validators: [{ ...validator, name: 'validator', bondAtomic: 10_000n * OGONG, endpoint: task.validatorEndpoint }],
    providers: [{ ...(await account(task.provider)), stakeAtomic: 1_000n * OGONG }],
    router: { ...router, bondAtomic: defaultLimits.minimumRouterBond, ticketKey: router.keyHash },
    payer: { ...payer, depositAtomic, allowanceAtomic: depositAtomic / 2n },
    models: [{ id: task.modelId, root, tokenizerHash: hashTokenizer(readGgufHeader(model)) }],
  },
  { chain: await startDevChain({ host, port, blockTimeMs: 100 }), deploymentFile: task.deploymentFile },
);
process.stdout.write('ready\n');
