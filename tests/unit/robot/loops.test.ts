import { describe, expect, test } from 'vitest'
import { ran, say } from './workflow.ts'

describe('loops', () => {
  test('a pair of nodes runs its body for each item, then goes on at completed', async () => {
    const { logs } = await ran({
      nodes: {
        s: ['Start'],
        set: ['SetVariable', { variable_name: 'list', value: ['a', 'b'] }],
        loop: ['ForLoopStartNode', { item_var: 'x' }],
        body: say('{{x_index}}={{x}} {{loop.current_item}}'),
        end: ['ForLoopEndNode', { paired_start_id: 'loop' }],
        done: say('done'),
      },
      arrows: [
        's -> set',
        'set -> loop',
        'set.value -> loop.items',
        'loop.body -> body',
        'body -> end',
        'loop.completed -> done',
      ],
    })
    expect(logs).toEqual(['INFO 0=a a', 'INFO 1=b b', 'INFO done'])
  })

  test('a loop without end node begins anew where its body ends, also when an arrow leads back', async () => {
    for (const back of [[], ['body -> loop']]) {
      const { logs } = await ran({
        nodes: {
          s: ['Start'],
          loop: ['ForLoop', { mode: 'range', start: 1, end: 6, step: 2 }],
          body: say('{{item}}'),
          done: say('done'),
        },
        arrows: ['s -> loop', 'loop.body -> body', 'loop.completed -> done', ...back],
      })
      expect(logs).toEqual(['INFO 1', 'INFO 3', 'INFO 5', 'INFO done'])
    }
  })

  test('goes on behind its end node where completed leads nowhere', async () => {
    const { logs } = await ran({
      nodes: {
        s: ['Start'],
        l: ['ForLoopStart', { end: 2, mode: 'range' }],
        e: ['ForLoopEnd', { paired_start_id: 'l' }],
        done: say('done'),
      },
      arrows: ['s -> l', 'l.body -> e', 'e -> done'],
    })
    expect(logs).toEqual(['INFO done'])
  })

  test('nest, and each inner run begins from its start', async () => {
    const { logs } = await ran({
      nodes: {
        s: ['Start'],
        outer: ['ForLoopStart', { mode: 'range', end: 2, item_var: 'i' }],
        inner: ['ForLoopStart', { items: ['x', 'y'], item_var: 'j' }],
        body: say('{{i}}{{j}}'),
        innerEnd: ['ForLoopEnd', { paired_start_id: 'inner' }],
        outerEnd: ['ForLoopEnd', { paired_start_id: 'outer' }],
      },
      arrows: [
        's -> outer',
        'outer.body -> inner',
        'inner.body -> body',
        'body -> innerEnd',
        'inner.completed -> outerEnd',
      ],
    })
    expect(logs.map((line) => line.slice(5))).toEqual(['0x', '0y', '1x', '1y'])
  })

  test('are left by Break and cut short by Continue', async () => {
    const { logs } = await ran({
      nodes: {
        s: ['Start'],
        l: ['ForLoopStart', { mode: 'range', end: 9 }],
        is2: ['If', { expression: '{{item}} == 2' }],
        skip: ['ContinueNode', { paired_loop_start_id: 'l' }],
        is4: ['If', { expression: '{{item}} == 4' }],
        leave: ['BreakNode', { paired_loop_start_id: 'l' }],
        body: say('{{item}}'),
        done: say('done'),
      },
      arrows: [
        's -> l',
        'l.body -> is2',
        'is2.true -> skip',
        'is2.false -> is4',
        'is4.true -> leave',
        'is4.false -> body',
        'l.completed -> done',
      ],
    })
    expect(logs.map((line) => line.slice(5))).toEqual(['0', '1', '3', 'done'])
  })

  test('over an object give the keys, and over nothing run no body', async () => {
    const nodes = (items: unknown) =>
      ({
        s: ['Start'],
        l: ['ForLoop', { items }],
        body: say('{{item_key}}:{{item}}'),
      }) as const
    const arrows = ['s -> l', 'l.body -> body']
    expect((await ran({ nodes: nodes({ a: 1, b: 2 }), arrows })).logs).toEqual(['INFO a:1', 'INFO b:2'])
    expect((await ran({ nodes: nodes([]), arrows })).logs).toEqual([])
  })

  test('while a condition holds, at most max_iterations times', async () => {
    const spec = (max_iterations: number) =>
      ({
        nodes: {
          s: ['Start'],
          w: ['WhileLoopStart', { expression: '{{n}} < 3', max_iterations }],
          up: ['IncrementVariable', { variable_name: 'n' }],
          e: ['WhileLoopEnd', { paired_start_id: 'w' }],
          end: ['End', { result: '{{n}}' }],
        },
        arrows: ['s -> w', 'w.body -> up', 'up -> e', 'w.completed -> end'],
        variables: { n: 0 },
      }) as const
    expect((await ran(spec(100))).result).toBe(3)
    expect(await ran(spec(2))).toMatchObject({ result: 2, logs: ['WARNING The loop was left after 2 iterations'] })
  })

  test('report progress that never goes back', async () => {
    const { progress } = await ran({
      nodes: {
        s: ['Start'],
        l: ['ForLoop', { mode: 'range', end: 10 }],
        a: ['Merge'],
        b: ['Merge'],
        c: ['Merge'],
        end: ['End'],
      },
      arrows: ['s -> l', 'l.body -> a', 'a -> b', 'b -> c', 'l.completed -> end'],
    })
    expect(progress).toEqual([...progress].sort((a, b) => a - b))
    expect(new Set(progress.filter((percent) => percent > 34 && percent < 83)).size).toBeGreaterThan(5)
    expect(progress.at(-1)).toBe(99)
  })
})
