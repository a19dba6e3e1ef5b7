import { Pixels } from '../pictures/pixels.tsx';
import { toPng } from '../pictures/to-png.ts';
import { saveFile } from '../save-file.ts';
import type { ChatTurn } from './conversation.ts';

/** A picture that a model makes, with its steps while it does. */
export function MadePicture({ turn: { question, picture, progress, state, replyId } }: { turn: ChatTurn }) {
  const isPreview = state !== 'answered';
  return (
    <div class="made" aria-busy={state === 'asking'}>
      {picture && (
        <Pixels
          picture={picture}
          label={`${isPreview ? 'Preview of' : 'Picture of'}: ${question.slice(0, 200)}`}
          name={`pixels${picture.width < 256 ? ' coarse' : ''}${isPreview ? ' preview' : ''}`}
        />
      )}
      {picture && !isPreview && (
        <button
          type="button"
          class="quiet small"
          onClick={() =>
            void toPng(picture).then((png) => saveFile(`picture-${replyId ?? 'new'}.png`, 'image/png', png))
          }
        >
          save the picture
        </button>
      )}
      {state === 'asking' && progress && (
        <progress value={progress.step} max={progress.steps} aria-label="Steps of the picture" />
      )}
    </div>
  );
}

/** Describes how far an unfinished picture is. */
export function describeProgress({ progress, picture }: Pick<ChatTurn, 'progress' | 'picture'>): string {
  if (progress === undefined) return 'waits for the first step …';
  return `step ${progress.step} of ${progress.steps}${picture ? ' · a preview, which nothing proves' : ''}`;
}
