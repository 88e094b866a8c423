import type { FileEventType } from '../../core/trigger-types/file-watch.ts'
import type { JsonObject } from '../../core/base/json.ts'
import { withForwardSlashes } from './patterns.ts'

/** What a trigger is told of a file, by whoever has seen it. */
export interface FileChange {
  readonly type: FileEventType
  readonly path: string
  /** ISO 8601. */
  readonly at: string
  readonly source: string | null
  readonly size: number | null
}

/** The payload of a `file_watch` trigger. Paths of Windows and of others are both understood, wherever this runs. */
export function filePayload({ type, path, at, source, size }: FileChange): JsonObject {
  const cut = withForwardSlashes(path).lastIndexOf('/')
  return {
    file_path: path,
    file_name: path.slice(cut + 1),
    // What lies in the root has the root for its folder.
    file_dir: cut === 0 ? path.slice(0, 1) : path.slice(0, Math.max(cut, 0)),
    event_type: type,
    timestamp: at,
    ...(size === null ? {} : { size }),
    ...(source === null ? {} : { src_path: source }),
  }
}
