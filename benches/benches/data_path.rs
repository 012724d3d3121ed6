//! Times the workloads of the data path: `cargo bench -p albedo-benches -- decode`.

use std::hint::black_box;

use albedo_benches::input::Input;
use albedo_benches::work;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

/// As in what ships.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn data_path(criterion: &mut Criterion) {
    let inputs = Input::SHAPES.map(|shape| Input::of(shape).expect("a shape of its own list"));
    for work in work::ALL {
        let mut group = criterion.benchmark_group(work.name);
        for input in &inputs {
            let handled = (work.prepare)(input)();
            let handled = u64::try_from(handled).expect("a usize has 64 bits at most");
            group.throughput(match work.unit {
                "bytes" => Throughput::Bytes(handled),
                _ => Throughput::Elements(handled),
            });
            group.bench_function(input.name, |bencher| {
                bencher.iter_batched(
                    || (work.prepare)(input),
                    |mut step| (black_box(step()), step),
                    BatchSize::PerIteration,
                );
            });
        }
    }
}

criterion_group! {
    name = benches;
    // Getting ready takes longer than most steps.
    config = Criterion::default().sample_size(20);
    targets = data_path
}
criterion_main!(benches);
