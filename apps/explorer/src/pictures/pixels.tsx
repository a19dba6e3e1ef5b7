import { useLayoutEffect, useRef } from 'preact/hooks';
import type { DrawnPicture } from './drawn-picture.ts';
import { toImageData } from './to-png.ts';

/** Draws RGB8 as it is: no file format and no decoder stand between the signed bytes and the screen. */
export function Pixels({ picture, label, name }: { picture: DrawnPicture; label: string; name: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { width, height, pixels } = picture;
  useLayoutEffect(() => {
    canvas.current?.getContext('2d')?.putImageData(toImageData(picture), 0, 0);
  }, [pixels]);
  return <canvas ref={canvas} class={name} width={width} height={height} role="img" aria-label={label} />;
}
