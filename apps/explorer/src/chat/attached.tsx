import { useRef } from 'preact/hooks';
import { PICTURE_TYPES } from '../pictures/picture-files.ts';

/** Pictures before they are sent; a click removes one. */
export function Attached({ urls, onChange }: { urls: readonly string[]; onChange: (urls: readonly string[]) => void }) {
  if (urls.length === 0) return null;
  return (
    <p class="pictures attached">
      {urls.map((url, i) => (
        <button
          key={url}
          type="button"
          class="quiet"
          title="Remove this picture"
          aria-label={`Remove picture ${i + 1}`}
          onClick={() => onChange(urls.filter((_, at) => at !== i))}
        >
          <img src={url} alt={`Number ${i + 1}`} />
        </button>
      ))}
    </p>
  );
}

/** The button that adds pictures to a question. */
export function AddPicture({ onFiles }: { onFiles: (files: readonly File[]) => void }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" class="quiet small" onClick={() => input.current?.click()}>
        Add a picture
      </button>
      <input
        ref={input}
        id="picture-files"
        class="hidden"
        type="file"
        accept={PICTURE_TYPES}
        multiple
        aria-label="Pictures for the question"
        tabIndex={-1}
        onChange={({ currentTarget }) => {
          onFiles([...(currentTarget.files ?? [])]);
          currentTarget.value = '';
        }}
      />
    </>
  );
}
