use super::*;

const MAPS: &str = "\
55d0c0000000-55d0c0400000 r--p 00000000 fe:00 1234                       /usr/bin/albedo
55d0c0400000-55d0c1000000 r-xp 00400000 fe:00 1234                       /usr/bin/albedo
55d0c1000000-55d0c1060000 r--p 01000000 fe:00 1234                       /usr/bin/albedo
55d0c1060000-55d0c1070000 rw-p 01060000 fe:00 1234                       /usr/bin/albedo
7f2000000000-7f2000100000 r-xp 00000000 fe:00 99                         /lib/libc.so.6
7f2000200000-7f2000201000 r-xp 00000000 fe:00 98                         /x/usr/bin/albedo
7ffd00000000-7ffd00002000 r-xp 00000000 00:00 0                          [vdso]
";

#[test]
fn only_the_programs_own_code_is_meant() {
    let code = code(MAPS, "/usr/bin/albedo");
    assert_eq!(code.len(), 1);
    assert_eq!(code[0], 0x55d0_c040_0000..0x55d0_c100_0000);
    assert!(super::code(MAPS, "/usr/bin/other").is_empty());
}

#[test]
fn the_program_goes_on_without_what_it_has_let_go_of() {
    let program = std::env::current_exe().expect("it runs");
    let maps = std::fs::read_to_string("/proc/self/maps").expect("it is told");
    assert!(!code(&maps, &program.to_string_lossy()).is_empty(), "{maps}");
    for round in 0..3 {
        let_go_of_the_start();
        assert_eq!(format!("{round:?}").parse(), Ok(round));
    }
}
