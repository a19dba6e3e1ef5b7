import { toHex } from '@ogong/protocol/base/bytes';
import { type Check, skip } from '@ogong/protocol/base/checks';
import { type Header, parseHeader, TEXT_ENDPOINTS } from '@ogong/protocol/modality/text/commitment/header';
import { plural } from '../../format.ts';
import { CheckList, Hash, Table } from '../../view/parts.tsx';
import { ExactBytes } from '../exact-bytes.tsx';
import type { ModalityView } from '../modality.ts';

export const textView: ModalityView = {
  endpoints: TEXT_ENDPOINTS,
  show({ file, opening, verdict }) {
    const header = opening && parseHeader(opening.header);
    return (
      <>
        <ExactBytes file={file} />
        {header && header.pictures.length > 0 && <AskedPictures header={header} checks={verdict.checks} />}
      </>
    );
  },
};

const UNSEEN = skip('picture-rows', 'the rows are not in this receipt; validators and verifiers read them');

/** Facts of the pictures in a prompt. Their files are beside the request, and their rows are at the provider. */
function AskedPictures({ header, checks }: { header: Header; checks: readonly Check[] }) {
  const { pictures, embeddingSize, promptTokenCount } = header;
  const rows = pictures.reduce((sum, picture) => sum + picture.rows, 0);
  const found = checks.find(({ id }) => id === 'picture-rows') ?? UNSEEN;
  return (
    <section class="asked-pictures" aria-label="Pictures of the question">
      <h3>{plural(pictures.length, 'picture')} of the question</h3>
      <p class="note">
        An encoder made {plural(rows, 'row')} of {embeddingSize.toLocaleString('en')} values of them:{' '}
        {rows.toLocaleString('en')} of the {plural(promptTokenCount, 'token')} of the prompt.
      </p>
      <Table label="Rows of the pictures" head={['Picture', 'Rows', 'Root of its rows']}>
        {pictures.map((picture, i) => (
          <tr key={i}>
            <td>{i + 1}</td>
            <td>{picture.rows}</td>
            <td>
              <Hash hex={toHex(picture.rowsRoot)} />
            </td>
          </tr>
        ))}
      </Table>
      <CheckList checks={[found]} label="Check of the rows" />
    </section>
  );
}
