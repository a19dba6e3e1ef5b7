import { type BatchEvidence, readSettledBatch } from '@ogong/chain/settlement/settled-batch';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { verifyQuorum } from '@ogong/protocol/crypto/quorum';
import { hashSettlement } from '@ogong/protocol/settlement/batch';
import { useEffect, useState } from 'preact/hooks';
import type { SettledBatchEvent } from '../data/ledger.ts';
import type { NetworkState } from '../data/store.ts';
import { Amount, Card, CheckList, Facts, Hash, Table, tellMissing } from './parts.tsx';

export function BatchRows({
  state,
  batches,
  isBrief,
  none = 'Nothing is settled yet.',
}: {
  state: NetworkState;
  batches: readonly SettledBatchEvent[] | undefined;
  isBrief?: boolean;
  /** Text for an empty list. */
  none?: string;
}) {
  const reading = tellMissing(state, 'chain', 'Reading the chain …');
  return (
    <Table
      label="Batches"
      isCompact={isBrief === true}
      head={['Batch', 'Validator', 'Paid replies', 'Fees', ...(isBrief ? [] : ['Log length', 'Block'])]}
      empty={batches === undefined ? reading : batches.length === 0 && none}
    >
      {(batches ?? []).map((batch) => (
        <tr key={batch.transactionHash}>
          <td>
            <a href={`#/batches/${batch.transactionHash}`}>#{`${batch.sequence}`}</a>
          </td>
          <td>
            <Hash hex={batch.validator} href={`#/validators/${batch.validator}`} label="validator" />
          </td>
          <td>{batch.replies}</td>
          <td>
            <Amount atomic={batch.gross} />
          </td>
          {!isBrief && (
            <>
              <td>{batch.logLength.toLocaleString('en')}</td>
              <td>{batch.blockNumber.toLocaleString('en')}</td>
            </>
          )}
        </tr>
      ))}
    </Table>
  );
}

/** @param wanted a transaction, or the number of a batch; all if none is given. */
export function Batches({ state, wanted }: { state: NetworkState; wanted?: string }) {
  const batches = state.ledger?.batches;
  const found = batches?.filter(
    ({ transactionHash, sequence }) => wanted === undefined || transactionHash === wanted || `${sequence}` === wanted,
  );
  const only = found?.length === 1 && wanted !== undefined ? found[0] : undefined;
  if (only) return <OneBatch state={state} batch={only} key={only.transactionHash} />;
  return (
    <Card title={wanted === undefined ? 'Settled batches' : `Batches ${wanted}`} wide>
      <BatchRows
        state={state}
        batches={found}
        {...(wanted !== undefined && { none: 'No batch of this number or transaction is in what was read.' })}
      />
      {state.ledger && (
        <p class="note">
          Events of block {`${state.ledger.fromBlock}`} and later. Each validator counts its batches from 1.
        </p>
      )}
    </Card>
  );
}

/** Signatures and votes are read from the transaction, and the quorum is counted again here. */
function OneBatch({ state: { reader, deployment }, batch }: { state: NetworkState; batch: SettledBatchEvent }) {
  const [read, setRead] = useState<BatchEvidence | string>('Reading the transaction …');
  useEffect(() => {
    if (reader === undefined || deployment === undefined) return;
    readSettledBatch(crypto, { transactor: reader, deployment }, batch.transactionHash).then(setRead, (error: Error) =>
      setRead(`It cannot be read: ${error.message}`),
    );
  }, [batch.transactionHash, reader, deployment]);
  if (typeof read === 'string' || deployment === undefined) return <p class="empty">{`${read}`}</p>;
  const { settlement, signatures, votes, totalVotes, blockNumber } = read;
  const domain = { chainId: BigInt(deployment.chainId), verifyingContract: fromHex(deployment.settlement.slice(2)) };
  const digest = hashSettlement(crypto, domain, settlement);
  const quorum = verifyQuorum(crypto, { digest, signatures, validators: votes, totalStake: totalVotes });
  const checks = [
    {
      id: 'quorum',
      status: quorum.ok ? ('pass' as const) : ('fail' as const),
      detail: `${quorum.signedStake} of ${quorum.totalStake} votes signed; more than two thirds are needed`,
    },
  ];
  return (
    <>
      <Card title={`Batch ${batch.sequence}`}>
        <Facts
          rows={[
            ['Validator', <Hash key="v" hex={batch.validator} href={`#/validators/${batch.validator}`} />],
            ['Transaction', <Hash key="t" hex={batch.transactionHash} />],
            ['Block', `${blockNumber}`],
            ['Paid replies', `${settlement.batch.replies}`],
            ['Fees', <Amount key="f" atomic={batch.gross} />],
            ['Records root', <Hash key="r" hex={toHex(settlement.batch.recordsRoot)} />],
            ['Log head', <Hash key="h" hex={toHex(settlement.batch.logHead)} />],
          ]}
        />
      </Card>
      <Card title="Checked on this page">
        <CheckList checks={checks} label="Checks of the batch" />
        <p class="note">
          The digest is computed here from the transaction's calldata; each signature is recovered and its votes are
          counted.
        </p>
      </Card>
      <Card title="Who was paid" wide>
        <Table
          label="Lines of the batch"
          head={['Provider', 'Payee', 'Fees', 'Fine']}
          empty={settlement.lines.length === 0 && 'Nobody.'}
        >
          {settlement.lines.map((line) => (
            <tr key={toHex(line.providerId) + toHex(line.router)}>
              <td>
                <Hash hex={toHex(line.providerId)} href={`#/providers/${toHex(line.providerId)}`} label="provider" />
              </td>
              <td>
                <Hash hex={`0x${toHex(line.payee)}`} href={`#/account/0x${toHex(line.payee)}`} label="account" />
              </td>
              <td>
                <Amount atomic={line.gross} />
              </td>
              <td>
                <Amount atomic={line.fine} />
              </td>
            </tr>
          ))}
        </Table>
      </Card>
      <Card title="Who signed" wide>
        <Table label="Signatures of the batch" head={['Validator', 'Key', 'Votes']}>
          {votes.map((vote) => (
            <tr key={toHex(vote.signingKey)}>
              <td>
                <Hash
                  hex={`0x${toHex(vote.address)}`}
                  href={`#/validators/0x${toHex(vote.address)}`}
                  label="validator"
                />
              </td>
              <td>
                <Hash hex={`0x${toHex(vote.signingKey)}`} />
              </td>
              <td>
                <Amount atomic={vote.stake} />
              </td>
            </tr>
          ))}
        </Table>
      </Card>
    </>
  );
}
