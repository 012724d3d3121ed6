use std::fs;
use std::path::Path;

use prost::Message;

/// `ALBEDO_BLESS=1 cargo test -p albedo-grpc` writes it anew.
#[test]
fn what_is_checked_in_is_what_the_proto_files_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let proto = root.join("proto");
    let files = protox::compile(["apipb.proto", "api.proto"], [&proto]).expect("they compile");
    let folder = tempfile::tempdir().expect("a folder");
    tonic_prost_build::configure()
        .out_dir(folder.path())
        .build_client(false)
        .generate_default_stubs(true)
        .compile_fds(files.clone())
        .expect("it is generated");
    let of = |name: &str| fs::read(folder.path().join(name)).expect("it was written");
    let made = [
        ("apipb.rs", of("apipb.rs")),
        ("api.rs", of("api.rs")),
        ("descriptors.bin", files.encode_to_vec()),
    ];
    let there = root.join("src/generated");
    for (name, text) in made {
        let path = there.join(name);
        if std::env::var_os("ALBEDO_BLESS").is_some() {
            fs::write(&path, &text).expect("it can be written");
        }
        let checked_in = fs::read(&path).expect("it is there");
        assert!(checked_in == text, "{name} is not what proto/ says: ALBEDO_BLESS=1 writes it");
    }
}
