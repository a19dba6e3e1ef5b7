import { isLocalReceipt } from '@ogong/protocol/stage1/local-receipt';
import type { Receipt, Trust } from '@ogong/sdk';
import { useState } from 'preact/hooks';
import { loadChecks } from '../check/load-checks.ts';
import { loadMachine } from '../check/load-machine.ts';
import { readChain } from '../check/read-chain.ts';
import type { DroppedReceipt } from '../check/receipt-file.ts';
import type { NetworkState } from '../data/store.ts';
import { DropZone } from './drop-zone.tsx';
import { Card } from './parts.tsx';
import { type CheckedFile, ReceiptReport } from './reply.tsx';
import { ShardChain } from './shard-chain.tsx';

type Checks = Awaited<ReturnType<typeof loadChecks>>;
type Source = 'nothing' | 'the trust file' | 'the chain';

/** Drop a receipt: every check is made here, and nothing of the file leaves the browser. */
export function CheckReceipt({ state }: { state: NetworkState }) {
  const [checked, setChecked] = useState<CheckedFile>();
  const [given, setGiven] = useState<Trust>();
  const [machines, setMachines] = useState<Uint8Array>();
  const [source, setSource] = useState<Source>('nothing');
  const [problem, setProblem] = useState<string>();

  async function check(
    receipt: DroppedReceipt,
    { trust, policy }: { readonly trust: Trust | undefined; readonly policy: Uint8Array | undefined },
    { checkReceiptFile, readNetworkTrust, showReply }: Checks,
  ): Promise<void> {
    const { reader, deployment, ledger } = state;
    let found: Trust = trust ?? {};
    let from: Source = trust ? 'the trust file' : 'nothing';
    if (trust === undefined && reader && deployment && ledger && !isLocalReceipt(receipt.receipt)) {
      try {
        found = await readNetworkTrust(receipt.receipt, { reader, deployment, ledger });
        from = 'the chain';
      } catch {
        // Without the chain the checks that need it are skipped, and say so.
      }
    }
    const nowMs = Date.now();
    const own = await checkReceiptFile(receipt, { trust: found, nowMs });
    const isOfMachine = !isLocalReceipt(receipt.receipt) && receipt.receipt.evidence !== undefined;
    const verdict =
      policy && isOfMachine
        ? await (await loadMachine()).addMachine(own, receipt.receipt as Receipt, {
            ...{ file: policy, nowMs },
            ...(found.settlement && { settlement: found.settlement }),
          })
        : own;
    setSource(from);
    setChecked({ file: receipt, verdict, parts: showReply(receipt, { verdict }) });
  }

  async function take(files: Iterable<File>): Promise<void> {
    setProblem(undefined);
    const checks = await loadChecks().catch((error: Error) => setProblem(error.message));
    if (!checks) return;
    let [receipt, trust, policy] = [checked?.file, given, machines];
    for (const one of files) {
      try {
        const bytes = new Uint8Array(await one.arrayBuffer());
        if (checks.isAgentChain(bytes))
          throw new Error("this is the file of an agent's run, which has a page of its own");
        const dropped = checks.readDroppedFile(bytes);
        if (dropped.kind === 'trust') trust = dropped.trust;
        else if (dropped.kind === 'machines') policy = dropped.file;
        else receipt = dropped.receipt;
      } catch (error) {
        setProblem(`${one.name}: ${(error as Error).message}`);
        return;
      }
    }
    setGiven(trust);
    setMachines(policy);
    if (receipt) await check(receipt, { trust, policy }, checks).catch((error: Error) => setProblem(error.message));
  }

  return (
    <>
      <Card title="Check a receipt" wide>
        <DropZone
          title="Drop a receipt here"
          input={{
            id: 'receipt-file',
            accept: 'application/json,.json',
            label: 'Receipt file, and a trust file',
          }}
          onFiles={(files) => void take(files)}
        >
          Every check is made on this page, by the code that <code>ogong verify</code> runs. Nothing of the file leaves
          the browser; it works offline.
        </DropZone>
        <p class="note">
          A receipt is what <code>GET /v1/receipts/&lt;id&gt;</code> gives. Drop a trust file beside it to compare it
          with values of your own
          {given && <strong> (one is loaded)</strong>}; otherwise those of the connected network are taken. Of tier tee,
          drop a policy for machines, too
          {machines && <strong> (one is loaded)</strong>}: without it no machine is checked.
        </p>
        {problem && (
          <p class="banner bad" role="alert">
            {problem}
          </p>
        )}
        {checked && <p class="note">Compared with {source}.</p>}
      </Card>
      {checked && <ShardChain chain={readChain(checked.verdict.cohort)} />}
      {checked && <ReceiptReport {...checked} />}
    </>
  );
}
