//! Time on each path of the core: `cargo bench -p weirmq-core`, or `-- --test` to do everything once.
//!
//! Only the broker's part of the work is timed. What is measured is in `core/benches/work`.

use std::cell::Cell;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use weirmq_work::CASES;

thread_local! {
    static SPENT: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

#[expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "it is the core that reads no clock")]
fn timed(work: &mut dyn FnMut()) {
    let start = std::time::Instant::now();
    work();
    SPENT.set(SPENT.get() + start.elapsed());
}

fn paths(criterion: &mut Criterion) {
    for case in CASES {
        let (group, name) = case.name.split_once('/').expect("a name has two parts");
        let mut group = criterion.benchmark_group(group);
        let mut work = case.set_up();
        group.throughput(Throughput::Elements(work.messages));
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|rounds| {
                SPENT.set(Duration::ZERO);
                (0..rounds).for_each(|_| work.round(timed));
                SPENT.get()
            });
        });
        group.finish();
    }
}

criterion_group!(benches, paths);
criterion_main!(benches);
